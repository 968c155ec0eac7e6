import { useState } from 'react';
import type { Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { duration, percent } from '../../lib/format';
import { saveText } from '../../lib/save';
import { Button } from '../../ui/parts';
import { labelsOf } from './form';
import { columnsOf, short } from './rows';
import type { Sitting } from './sitting';
import { Value } from './Value';

/** Rows drawn at a time. */
const PAGE = 100;

/** What came of each row: its fields, the answer by its type, or why there is none. */
export function Results({ task, sitting }: { task: Task; sitting: Sitting }) {
  const { t, lang } = useTaskText();
  const [most, setMost] = useState(PAGE);
  const [wrongOnly, setWrongOnly] = useState(false);
  const labels = labelsOf(task.output) !== null;
  const columns = columnsOf(task);
  const failed = sitting.answers.filter((answer) => answer?.error !== undefined).length;
  const all = sitting.rows.map((row, at) => ({ row, at, answer: sitting.answers[at] ?? null }));
  const shown = wrongOnly && failed > 0 ? all.filter((one) => one.answer?.error !== undefined) : all;
  const download = () => {
    const lines = all.filter((one) => one.answer).map(({ row, answer }) => JSON.stringify({ input: row, output: answer?.output, error: answer?.error, milliseconds: answer?.milliseconds, probability: answer?.probability }));
    saveText(`${task.name}-results.jsonl`, 'application/jsonl', `${lines.join('\n')}\n`);
  };
  return (
    <>
      <table className="table task-table">
        <thead>
          <tr>
            <th scope="col" className="number">
              #
            </th>
            {columns.map((field) => (
              <th scope="col" key={field.name}>
                {field.name}
              </th>
            ))}
            <th scope="col">{t.output}</th>
            <th scope="col" className="number">
              {t.time}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.slice(0, most).map(({ row, at, answer }) => (
            <tr key={at} className={answer === null ? 'pending' : undefined}>
              <td className="number soft">{at + 1}</td>
              {columns.map((field) => (
                <td key={field.name} className="cell-text" data-label={columns.length > 1 ? field.name : undefined}>
                  {short(row[field.name])}
                </td>
              ))}
              <td className="cell-value" data-label={t.output}>
                {answer === null ? (
                  <span className="soft">…</span>
                ) : answer.error !== undefined ? (
                  <span className="problem small">{reason(answer.error, lang)}</span>
                ) : (
                  <>
                    <Value value={answer.output} label={labels} />
                    {answer.probability !== undefined && <span className="soft small figures"> {percent(answer.probability, lang)}</span>}
                  </>
                )}
              </td>
              <td className="number soft" data-label={t.time}>
                {answer?.milliseconds !== undefined ? duration(answer.milliseconds, lang) : ''}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="row">
        {shown.length > most && <Button onClick={() => setMost((old) => old + 4 * PAGE)}>{t.showMore(shown.length - most)}</Button>}
        {failed > 0 && (
          <Button aria-pressed={wrongOnly} onClick={() => setWrongOnly(!wrongOnly)}>
            {wrongOnly ? t.showAll : t.showFailed(failed)}
          </Button>
        )}
        <Button className="quiet" icon="down" disabled={sitting.candidate === null} onClick={download}>
          {t.download('JSONL')}
        </Button>
      </div>
    </>
  );
}
