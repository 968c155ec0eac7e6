import { useState } from 'react';
import { get } from '../../api/client';
import { at, type TaskInfo, type Template } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count, day } from '../../lib/format';
import { Link } from '../../lib/router';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Button, Empty, Failure, Skeleton } from '../../ui/parts';
import { compareHref, taskHref } from './address';
import { NewTask } from './NewTask';

export interface TaskListing {
  tasks: TaskInfo[];
  templates?: Template[];
}

/** The tasks there are: what each is for, what was decided, what is wrong. */
export function TaskList() {
  const { t } = useTaskText();
  const loaded = useLoad('tasks', (signal) => get<TaskListing>(at.all, signal));
  const [creating, setCreating] = useState(false);
  const tasks = loaded.value?.tasks;
  const create = (
    <Button look="primary" icon="plus" onClick={() => setCreating(true)}>
      {t.newTask}
    </Button>
  );
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{t.tasks}</h1>
          <p>{t.tasksHelp}</p>
        </div>
        {tasks && tasks.length > 0 && create}
      </header>
      {loaded.error !== null && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.loading && <Skeleton lines={5} />}
      {tasks?.length === 0 && (
        <Empty title={t.noTasks} actions={create}>
          {t.noTasksHelp}
        </Empty>
      )}
      {tasks && tasks.length > 0 && (
        <ul className="base-list">
          {tasks.map((task) => (
            <TaskRow key={task.name} task={task} />
          ))}
        </ul>
      )}
      {creating && <NewTask templates={loaded.value?.templates ?? []} onClose={() => setCreating(false)} />}
    </div>
  );
}

function TaskRow({ task }: { task: TaskInfo }) {
  const { t, lang } = useTaskText();
  const broken = task.problems.length > 0;
  return (
    <li className={broken ? 'base-row damaged' : 'base-row'} data-task={task.name}>
      <Icon name={broken ? 'warn' : 'target'} />
      <div className="grow task-words">
        <p className="base-figures">
          <Link className="base-name" href={taskHref(task.name, broken ? 'edit' : 'run')}>
            {task.name}
          </Link>
          {broken && <span className="badge bad">{t.problemCount(task.problems.length)}</span>}
          {task.choosing === 'running' && <span className="badge good">{t.choosingNow}</span>}
          {task.choosing === 'stopped' && <span className="badge warn">{t.choosingStopped}</span>}
        </p>
        {task.task?.description && <p>{task.task.description}</p>}
        <p className="soft small figures">
          {task.labelled > 0 ? t.labelledCount(count(task.labelled, lang)) : t.noneLabelled}
          {' · '}
          {task.decision?.chosen ? t.decidedOn(task.decision.chosen, day(task.decision.date, lang)) : t.nothingDecided}
        </p>
      </div>
      <div className="row">
        <Link className="button" href={taskHref(task.name, 'edit')}>
          {t.edit}
        </Link>
        <Link className="button" href={compareHref(task.name)}>
          {t.compare}
        </Link>
      </div>
    </li>
  );
}
