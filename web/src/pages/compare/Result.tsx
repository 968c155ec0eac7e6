import { useState } from 'react';
import { get } from '../../api/client';
import { at, plain, type Decision, type OutputRow, type Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { count, day, duration, score, share } from '../../lib/format';
import { useLoad } from '../../lib/useLoad';
import { Failure, Skeleton } from '../../ui/parts';
import { RouteName } from '../tasks/RouteName';
import { ConfusionTable } from './ConfusionTable';
import { Examples } from './Examples';
import { FieldQuality } from './FieldQuality';
import { Finalists } from './Finalists';
import { KeptLink } from './KeptLink';
import { QualityPlot } from './QualityPlot';
import { Raced } from './Raced';

/** A row whose answers tell why there is none. */
function read(row: OutputRow): OutputRow {
  return { ...row, answers: Object.fromEntries(Object.entries(row.answers).map(([name, answer]) => [name, plain(answer)])) };
}

/** What came of a choice: what was chosen, how the finalists compare, what each said. */
export function Result({ task, id, decision }: { task: Task; id: string; decision: Decision }) {
  const { t, lang } = useTaskText();
  const outputs = useLoad(`outputs ${task.name} ${id}`, async (signal) => (await get<{ rows: OutputRow[] }>(at.outputs(task.name, id), signal)).rows.map(read));
  const finalists = decision.candidates.filter((one) => one.result !== null);
  const [picked, setPicked] = useState<string | null>(null);
  const looked = picked ?? decision.chosen ?? finalists[0]?.candidate ?? null;
  return (
    <div className="result">
      <section className="chosen-card" aria-label={t.chosenIs}>
        <p className="soft small">{t.decidedOnDay(day(decision.date, lang))}</p>
        <h2>{decision.chosen ? <RouteName candidate={decision.chosen} /> : t.noneChosen}</h2>
        <p className="sentence">{reason(decision.why, lang)}</p>
        {decision.not_ruled_out.length > 0 && (
          <div className="open-ones">
            <p>{t.notRuledOut}</p>
            <ul>
              {decision.not_ruled_out.map((one) => (
                <li key={one}>
                  <RouteName candidate={one} />
                </li>
              ))}
            </ul>
            {/* A forecast that is already passed says nothing. */}
            {decision.examples_to_settle === null && <p className="soft">{t.cannotSettle}</p>}
            {decision.rows_to_settle && <p className="soft">{t.toSettle(count(decision.rows_to_settle, lang), count(decision.data.train + decision.data.development + decision.data.test, lang))}</p>}
          </div>
        )}
        {decision.baseline && <p className="soft">{t.baselineIs(decision.baseline.answer, score(decision.baseline.quality, lang))}</p>}
        <p className="row">
          <KeptLink href={at.report(task.name, id)} name={`${id}.html`}>
            {t.report}
          </KeptLink>
          <KeptLink href={at.decision(task.name, id)} name={`${id}.json`}>
            {t.rawJson}
          </KeptLink>
        </p>
      </section>
      {finalists.length > 0 && (
        <>
          <QualityPlot decision={decision} finalists={finalists} outputs={outputs.value} />
          <Finalists decision={decision} finalists={finalists} looked={looked} onLook={setPicked} />
          <ConfusionTable finalists={finalists} looked={looked} onLook={setPicked} />
          <FieldQuality finalists={finalists} looked={looked} onLook={setPicked} />
        </>
      )}
      <section className="block" aria-label={t.exampleByExample}>
        <h2>{t.exampleByExample}</h2>
        {outputs.loading && <Skeleton lines={5} />}
        {outputs.error !== null && <Failure error={outputs.error} retry={outputs.reload} />}
        {outputs.value && <Examples task={task} rows={outputs.value} first={decision.chosen} />}
      </section>
      <Raced decision={decision} />
      <section className="block how">
        <h2>{t.howMeasured}</h2>
        <p className="soft small figures">
          {[
            t.usedRows(count(decision.data.examples, lang), decision.data.file),
            t.partsAre(count(decision.data.train, lang), count(decision.data.development, lang), count(decision.data.test, lang)),
            t.usedTerms(decision.metric, share(decision.terms.confidence, lang), decision.seed),
            t.usedAnswers(count(decision.asked, lang), count(decision.grid, lang), duration(decision.seconds * 1000, lang), decision.concurrency),
          ].join(' · ')}
        </p>
        <p className="soft small">{t.method}</p>
      </section>
    </div>
  );
}
