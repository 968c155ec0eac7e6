import type { Entrant } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { score } from '../../lib/format';
import { Select } from '../../ui/Select';

interface FieldQualityProps {
  finalists: Entrant[];
  looked: string | null;
  onLook: (candidate: string) => void;
}

/** How well a candidate does each field of a record; nothing where answers are no records. */
export function FieldQuality({ finalists, looked, onLook }: FieldQualityProps) {
  const { t, lang } = useTaskText();
  const measured = finalists.filter((one) => Object.keys(one.result?.fields ?? {}).length > 0);
  const one = measured.find((entrant) => entrant.candidate === looked) ?? measured[0];
  const fields = one?.result?.fields;
  if (!one || !fields) return null;
  return (
    <section className="block" aria-label={t.qualityByField}>
      <header className="row">
        <h2 className="grow">{t.qualityByField}</h2>
        <Select label={t.candidate} value={one.candidate} options={measured.map(({ candidate }) => ({ value: candidate, label: candidate }))} onChange={onLook} />
      </header>
      <table className="table task-table field-quality">
        <thead>
          <tr>
            <th scope="col">{t.answerField}</th>
            <th scope="col">{t.mean}</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(fields).map(([field, value]) => (
            <tr key={field}>
              <th scope="row">
                <code>{field}</code>
              </th>
              <td data-label={t.mean}>
                <span className="field-bar">
                  <span className="track">
                    <i style={{ width: `${Math.min(1, Math.max(0, value)) * 100}%` }} />
                  </span>
                  <span className="figures">{score(value, lang)}</span>
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
