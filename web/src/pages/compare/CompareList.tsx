import { get } from '../../api/client';
import { at, type TaskInfo } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count, day } from '../../lib/format';
import { Link } from '../../lib/router';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Empty, Failure, Skeleton } from '../../ui/parts';
import { compareHref } from '../tasks/address';
import { RouteName } from '../tasks/RouteName';
import type { TaskListing } from '../tasks/TaskList';

/** The tasks, each with what was chosen for it. */
export function CompareList() {
  const { t } = useTaskText();
  const loaded = useLoad('tasks', (signal) => get<TaskListing>(at.all, signal));
  const tasks = loaded.value?.tasks;
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{t.compare}</h1>
          <p>{t.compareHelp}</p>
        </div>
      </header>
      {loaded.error !== null && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.loading && <Skeleton lines={5} />}
      {tasks?.length === 0 && (
        <Empty
          title={t.noTasks}
          actions={
            <Link className="button primary" href="/tasks">
              {t.toTasks}
            </Link>
          }
        >
          {t.noTasksToCompare}
        </Empty>
      )}
      {tasks && tasks.length > 0 && (
        <ul className="base-list">
          {tasks.map((task) => (
            <CompareRow key={task.name} task={task} />
          ))}
        </ul>
      )}
    </div>
  );
}

function CompareRow({ task }: { task: TaskInfo }) {
  const { t, lang } = useTaskText();
  const { decision } = task;
  return (
    <li className="base-row" data-task={task.name}>
      <Icon name="scatter" />
      <div className="grow task-words">
        <p className="base-figures">
          <Link className="base-name" href={compareHref(task.name)}>
            {task.name}
          </Link>
          {task.choosing === 'running' && <span className="badge good">{t.choosingNow}</span>}
          {task.choosing === 'stopped' && <span className="badge warn">{t.choosingStopped}</span>}
        </p>
        <p>{decision?.chosen ? <RouteName candidate={decision.chosen} /> : <span className="soft">{t.nothingDecided}</span>}</p>
        <p className="soft small figures">
          {[
            task.labelled > 0 ? t.labelledCount(count(task.labelled, lang)) : t.noneLabelled,
            decision ? day(decision.date, lang) : null,
            decision && decision.not_ruled_out.length > 0 ? t.openCount(decision.not_ruled_out.length) : null,
          ].filter(Boolean).join(' · ')}
        </p>
      </div>
    </li>
  );
}
