import { ApiError, get } from '../../api/client';
import { at, type TaskFile } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count } from '../../lib/format';
import { Link } from '../../lib/router';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Empty, Failure, Skeleton } from '../../ui/parts';
import { compareHref, taskHref, views, type View } from './address';
import { DecisionView } from './DecisionView';
import { useDraft } from './draft';
import { EditView } from './EditView';
import { RowsView } from './RowsView';
import { RunView } from './RunView';

/** One task: running it, its file, its labelled rows, what was decided. */
export function TaskPage({ name, view }: { name: string; view: View }) {
  const { t, lang } = useTaskText();
  const file = useLoad(`task ${name}`, (signal) => get<TaskFile>(at.task(name), signal));
  const draft = useDraft(name);
  const missing = file.error instanceof ApiError && file.error.status === 404;
  const { value } = file;
  const names: Record<View, string> = { run: t.viewRun, edit: t.viewEdit, rows: t.viewRows, decision: t.viewDecision };
  const broken = value !== null && value.task === null;
  return (
    <div className="page task-page">
      <header className="page-head">
        <div>
          <Link className="crumb" href="/tasks">
            <Icon name="back" size={14} />
            {t.allTasks}
          </Link>
          <h1>{name}</h1>
          {value?.task?.description && <p>{value.task.description}</p>}
        </div>
        {value && (
          <Link className="button" href={compareHref(name)}>
            <Icon name="scatter" size={16} />
            {t.compare}
          </Link>
        )}
      </header>
      {file.loading && <Skeleton lines={6} />}
      {missing && (
        <Empty
          title={t.noSuchTask(name)}
          actions={
            <Link className="button" href="/tasks">
              {t.allTasks}
            </Link>
          }
        />
      )}
      {file.error !== null && !missing && <Failure error={file.error} retry={file.reload} />}
      {value && (
        <>
          <nav className="segments views" aria-label={name}>
            {views.map((one) => (
              <Link key={one} href={taskHref(name, one)} aria-current={view === one ? 'page' : undefined}>
                {names[one]}
                {one === 'rows' && value.labelled > 0 && <span className="soft small figures">{count(value.labelled, lang)}</span>}
                {one === 'edit' && draft !== null && <span className="dot" role="img" aria-label={t.unsaved} title={t.unsaved} />}
              </Link>
            ))}
          </nav>
          {view === 'edit' && <EditView file={value} onSaved={file.reload} />}
          {view !== 'edit' && view !== 'decision' && broken && <Broken file={value} />}
          {view === 'run' && value.task && <RunView task={value.task} onLabelled={file.reload} />}
          {view === 'rows' && value.task && <RowsView task={value.task} onChange={file.reload} />}
          {view === 'decision' && <DecisionView file={value} />}
        </>
      )}
    </div>
  );
}

function Broken({ file }: { file: TaskFile }) {
  const { t } = useTaskText();
  return (
    <Empty
      title={t.brokenTask}
      actions={
        <Link className="button primary" href={taskHref(file.name, 'edit')}>
          {t.toEdit}
        </Link>
      }
    >
      {t.brokenTaskHelp}
    </Empty>
  );
}
