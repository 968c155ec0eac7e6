import { ApiError, get } from '../../api/client';
import { at, decisionId, type Decision, type DecisionInfo, type TaskFile } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count, day } from '../../lib/format';
import { go, Link } from '../../lib/router';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Empty, Failure, Skeleton } from '../../ui/parts';
import { compareHref, taskHref } from '../tasks/address';
import { Race } from './Race';
import { Result } from './Result';
import { StartChoice } from './StartChoice';
import { useChoice } from './useChoice';

/** What was measured for a task, what is being measured, and the way to measure it. */
export function TaskCompare({ name, wanted }: { name: string; wanted: string | null }) {
  const { t, lang } = useTaskText();
  const file = useLoad(`task ${name}`, (signal) => get<TaskFile>(at.task(name), signal));
  const list = useLoad(`decisions ${name}`, async (signal) => (await get<{ decisions: DecisionInfo[] }>(`${at.task(name)}/decisions`, signal)).decisions);
  const running = useChoice(name, () => {
    file.reload();
    list.reload();
    // What has just been decided is what is to be seen.
    if (wanted !== null) go(compareHref(name), true);
  });
  const latest = list.value?.[0]?.id ?? decisionId(file.value?.decision?.file);
  const id = wanted ?? latest;
  const decision = useLoad(id === null ? null : `decision ${name} ${id}`, (signal) => get<Decision>(at.decision(name, id), signal));
  const missing = file.error instanceof ApiError && file.error.status === 404;
  const { choice } = running;
  const busy = choice?.state === 'running';
  const going = choice !== null && (busy || choice.state === 'stopped' || choice.state === 'failed');
  // Its terms were not kept, or this version cannot read them: nobody knows within which limits it would go on.
  const unknown = going && !busy && running.goOn === null;
  return (
    <div className="page compare-page">
      <header className="page-head">
        <div>
          <Link className="crumb" href="/compare">
            <Icon name="back" size={14} />
            {t.allComparisons}
          </Link>
          <h1>{name}</h1>
          {file.value?.task?.description && <p>{file.value.task.description}</p>}
        </div>
        <div className="row">
          {list.value && list.value.length > 0 && id !== null && (
            <label className="select" title={t.whichDecision}>
              <select aria-label={t.whichDecision} value={id} onChange={(event) => go(compareHref(name, event.target.value === latest ? null : event.target.value))}>
                {list.value.map((one) => (
                  <option key={one.id} value={one.id}>
                    {`${day(one.date, lang)} · ${one.chosen ?? t.noneChosen}`}
                  </option>
                ))}
              </select>
            </label>
          )}
          {file.value && (
            <Link className="button" href={taskHref(name)}>
              {t.toTask}
            </Link>
          )}
        </div>
      </header>
      {file.loading && <Skeleton lines={8} />}
      {missing && (
        <Empty
          title={t.noSuchTask(name)}
          actions={
            <Link className="button" href="/compare">
              {t.allComparisons}
            </Link>
          }
        />
      )}
      {file.error !== null && !missing && <Failure error={file.error} retry={file.reload} />}
      {file.value?.task === null && (
        <Empty
          title={t.brokenTask}
          actions={
            <Link className="button primary" href={taskHref(name, 'edit')}>
              {t.toEdit}
            </Link>
          }
        >
          {t.brokenTaskHelp}
        </Empty>
      )}
      {file.value?.task && (
        <>
          {running.error !== null && choice === null && !missing && <Failure error={running.error} retry={running.reload} />}
          {going && <Race choice={choice} onStop={running.stop} onGoOn={running.goOn} />}
          {!busy && <StartChoice task={file.value.task} labelled={file.value.labelled} open={id === null && !going} resumes={choice?.state === 'stopped'} unknown={unknown} onStart={running.start} />}
          {id !== null && decision.loading && <Skeleton lines={8} />}
          {decision.error !== null && <Failure error={decision.error} retry={decision.reload} />}
          {decision.value && id !== null && <Result key={id} task={file.value.task} id={id} decision={decision.value} />}
          {id === null && list.value && file.value.labelled > 0 && !busy && <p className="soft">{t.nothingMeasured(count(file.value.labelled, lang))}</p>}
        </>
      )}
    </div>
  );
}
