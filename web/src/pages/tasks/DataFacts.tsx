import type { DataReport } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { count, percent } from '../../lib/format';
import { Icon } from '../../ui/Icon';

interface DataFactsProps {
  report: DataReport;
  onRows: (rows: number[]) => void;
  onLabel: (label: string) => void;
}

/** What is to be known of labelled rows before anything is measured with them. */
export function DataFacts({ report, onRows, onLabel }: DataFactsProps) {
  const { t, lang } = useTaskText();
  const labels = Object.entries(report.labels).sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...labels.map(([, n]) => n));
  const pairs = (all: [number, number, ...unknown[]][]) => [...new Set(all.flatMap(([a, b]) => [a, b]))].sort((a, b) => a - b);
  return (
    <section className="data-facts" aria-label={t.aboutRows}>
      {labels.length > 0 && (
        <ul className="label-bars">
          {labels.map(([label, n]) => (
            <li key={label}>
              <button type="button" className="link clip" onClick={() => onLabel(label)}>
                {label}
              </button>
              <span className="track">
                <i style={{ width: `${(n / most) * 100}%` }} />
              </span>
              <span className="figures soft small">
                {count(n, lang)} · {percent(n / Math.max(1, report.examples), lang)}
              </span>
            </li>
          ))}
        </ul>
      )}
      <ul className="data-notes small">
        {report.contradictions.length > 0 && (
          <li className="wrong">
            <Icon name="warn" size={16} />
            <span>
              {t.contradictionCount(report.contradictions.length)}{' '}
              <button type="button" className="link" onClick={() => onRows(pairs(report.contradictions))}>
                {t.showThem}
              </button>
            </span>
          </li>
        )}
        {report.twins.length > 0 && (
          <li>
            <Icon name="copy" size={16} />
            <span>
              {t.twinCount(report.twins.length)}{' '}
              <button type="button" className="link" onClick={() => onRows(pairs(report.twins))}>
                {t.showThem}
              </button>
            </span>
          </li>
        )}
        {report.shown.length > 0 && (
          <li>
            <Icon name="copy" size={16} />
            <span>
              {t.shownCount(report.shown.length)}{' '}
              <button type="button" className="link" onClick={() => onRows(report.shown)}>
                {t.showThem}
              </button>
            </span>
          </li>
        )}
        {report.wrong.length > 0 && (
          <li className="wrong">
            <Icon name="warn" size={16} />
            <WrongRows wrong={report.wrong} />
          </li>
        )}
        {report.gaps.labels.length > 0 && (
          <li>
            <Icon name="warn" size={16} />
            <span>{t.gapLabels(report.gaps.labels.join(t.and))}</span>
          </li>
        )}
        {report.gaps.fields.length > 0 && (
          <li>
            <Icon name="warn" size={16} />
            <span>{t.gapFields(report.gaps.fields.join(t.and))}</span>
          </li>
        )}
        {report.examples < 50 && (
          <li>
            <Icon name="gauge" size={16} />
            <span>{t.fewRows(count(report.examples, lang))}</span>
          </li>
        )}
        <li className="soft">{t.rowLengths(count(report.characters[0], lang), count(report.characters[1], lang))}</li>
      </ul>
    </section>
  );
}

/** Rows that are none, and why. */
export function WrongRows({ wrong }: { wrong: [number, string][] }) {
  const { t, lang } = useTaskText();
  return (
    <details className="wrong-rows">
      <summary>{t.wrongCount(wrong.length)}</summary>
      <ul>
        {wrong.slice(0, 100).map(([row, why]) => (
          <li key={row}>
            <span className="figures soft">{t.rowNumber(row)}</span> {reason(why, lang)}
          </li>
        ))}
        {wrong.length > 100 && <li className="soft">{t.andMore(wrong.length - 100)}</li>}
      </ul>
    </details>
  );
}
