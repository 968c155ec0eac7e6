import { get } from '../../api/client';
import { at, type Decision, type DecisionInfo, type TaskFile } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { count, day, duration, figure } from '../../lib/format';
import { Link } from '../../lib/router';
import { useLoad } from '../../lib/useLoad';
import { Empty, Failure, Skeleton } from '../../ui/parts';
import { span } from '../compare/words';
import { compareHref } from './address';
import { CallIt } from './CallIt';
import { RouteName } from './RouteName';

/** What was chosen for a task and why, what was decided before, and how to call it. */
export function DecisionView({ file }: { file: TaskFile }) {
  const { t } = useTaskText();
  const { name } = file;
  const list = useLoad(`decisions ${name}`, async (signal) => (await get<{ decisions: DecisionInfo[] }>(`${at.task(name)}/decisions`, signal)).decisions);
  const last = useLoad(list.value && list.value.length > 0 ? `decision ${name}` : null, (signal) => get<Decision>(at.decision(name, null), signal));
  return (
    <section className="decision-view" aria-label={t.viewDecision}>
      {(list.loading || last.loading) && <Skeleton lines={5} />}
      {list.error !== null && <Failure error={list.error} retry={list.reload} />}
      {last.error !== null && <Failure error={last.error} retry={last.reload} />}
      {list.value?.length === 0 && (
        <Empty
          title={t.nothingDecidedYet}
          actions={
            <Link className="button primary" href={compareHref(name)}>
              {t.toCompare}
            </Link>
          }
        >
          {t.nothingDecidedHelp}
        </Empty>
      )}
      {last.value && <Chosen name={name} decision={last.value} />}
      {list.value && list.value.length > 0 && <Decisions name={name} list={list.value} />}
      {file.task && <CallIt task={file.task} />}
    </section>
  );
}

function Chosen({ name, decision }: { name: string; decision: Decision }) {
  const { t, lang } = useTaskText();
  const entrant = decision.candidates.find((one) => one.candidate === decision.chosen);
  const result = entrant?.result;
  return (
    <div className="chosen-card">
      <p className="soft small">{t.decidedOnDay(day(decision.date, lang))}</p>
      <h2>{decision.chosen ? <RouteName candidate={decision.chosen} /> : t.noneChosen}</h2>
      <p className="sentence">{reason(decision.why, lang)}</p>
      {result && (
        <dl className="facts">
          <div>
            <dt>{t.qualityBy(decision.metric)}</dt>
            <dd>{span(result.quality, lang)}</dd>
          </div>
          <div>
            <dt>{t.medianTime}</dt>
            <dd>{duration(result.latency_p50_ms, lang)}</dd>
          </div>
          <div>
            <dt>{t.costPerThousand}</dt>
            <dd>{result.cost_per_1000 === 0 ? t.free : figure(result.cost_per_1000, lang)}</dd>
          </div>
          <div>
            <dt>{t.testExamples}</dt>
            <dd>{count(result.examples, lang)}</dd>
          </div>
        </dl>
      )}
      <div className="row">
        <Link className="button primary" href={compareHref(name)}>
          {t.seeComparison}
        </Link>
      </div>
    </div>
  );
}

function Decisions({ name, list }: { name: string; list: DecisionInfo[] }) {
  const { t, lang } = useTaskText();
  return (
    <section className="block">
      <h2>{t.allDecisions}</h2>
      <table className="table task-table decisions">
        <thead>
          <tr>
            <th scope="col">{t.when}</th>
            <th scope="col">{t.chosenWas}</th>
            <th scope="col">{t.metric}</th>
            <th scope="col" className="number">
              {t.rowsUsed}
            </th>
          </tr>
        </thead>
        <tbody>
          {list.map((one) => (
            <tr key={one.id}>
              <td>
                <Link className="link" href={compareHref(name, one.id)}>
                  {day(one.date, lang)}
                </Link>
              </td>
              <td className="cell-text" data-label={t.chosenWas}>
                {one.chosen ? <RouteName candidate={one.chosen} /> : t.noneChosen}
                <span className="soft small why">{reason(one.why, lang)}</span>
              </td>
              <td data-label={t.metric}>
                <code>{one.metric}</code>
              </td>
              <td className="number" data-label={t.rowsUsed}>
                {count(one.examples, lang)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
