import type { CSSProperties } from 'react';
import type { Entrant } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count, score, share } from '../../lib/format';
import { Select } from '../../ui/Select';

interface ConfusionProps {
  finalists: Entrant[];
  looked: string | null;
  onLook: (candidate: string) => void;
}

/** What a candidate answered for each label; the deeper the colour, the more of the row. */
export function ConfusionTable({ finalists, looked, onLook }: ConfusionProps) {
  const { t, lang } = useTaskText();
  const measured = finalists.filter((one) => one.result?.confusion);
  const one = measured.find((entrant) => entrant.candidate === looked) ?? measured[0];
  const confusion = one?.result?.confusion;
  if (!one || !confusion) return null;
  const none = confusion.counts.some((row) => (row[confusion.labels.length] ?? 0) > 0);
  const columns = none ? [...confusion.labels, t.noLabel] : confusion.labels;
  return (
    <section className="block" aria-label={t.confusion}>
      <header className="row">
        <h2 className="grow">{t.confusion}</h2>
        <Select label={t.candidate} value={one.candidate} options={measured.map(({ candidate }) => ({ value: candidate, label: candidate }))} onChange={onLook} />
      </header>
      <div className="wide" tabIndex={0} role="region" aria-label={t.confusion}>
        <table className="confusion figures">
          <thead>
            <tr>
              <td />
              <th scope="colgroup" colSpan={columns.length} className="soft small">
                {t.answered}
              </th>
              <td />
            </tr>
            <tr>
              <th scope="col" className="soft small">
                {t.expected}
              </th>
              {columns.map((label) => (
                <th scope="col" key={label}>
                  {label}
                </th>
              ))}
              <th scope="col" className="soft small">
                {t.found}
              </th>
            </tr>
          </thead>
          <tbody>
            {confusion.labels.map((label, row) => {
              const counts = confusion.counts[row] ?? [];
              const all = counts.reduce((sum, n) => sum + n, 0);
              return (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  {columns.map((answer, column) => {
                    const n = counts[column] ?? 0;
                    return (
                      <td key={answer} className={column === row ? 'cell right' : n > 0 ? 'cell wrong' : 'cell'} style={{ '--part': `${all > 0 ? Math.round((n / all) * 100) : 0}%` } as CSSProperties}>
                        {count(n, lang)}
                      </td>
                    );
                  })}
                  <td className="soft small">{all > 0 ? share((counts[row] ?? 0) / all, lang) : '–'}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {one.result?.macro_f1 != null && <p className="soft small">{t.macroF1(score(one.result.macro_f1, lang))}</p>}
    </section>
  );
}
