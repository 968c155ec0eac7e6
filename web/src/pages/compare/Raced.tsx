import type { Decision, Entrant } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { count, score } from '../../lib/format';
import { RouteName } from '../tasks/RouteName';

/** Why answers failed, most often. */
export function FailureWhy({ why }: { why: string | undefined }) {
  const { t, lang } = useTaskText();
  return why === undefined ? null : <>{t.mostOften(reason(why, lang).replace(/[。.]$/, ''))}</>;
}

/** Those that did not come to the final: who beat them, or why they could not take part. */
export function Raced({ decision }: { decision: Decision }) {
  const { t, lang } = useTaskText();
  const others = decision.candidates.filter((one) => one.result === null);
  if (others.length === 0) return null;
  const said = (one: Entrant): string => {
    if (one.withdrawn !== null) return t.racerWithdrawnWhy(reason(one.withdrawn, lang));
    if (one.race?.beaten_by) return t.beatenAfter(one.race.beaten_by, count(one.race.examples, lang));
    // A race that had few examples says little.
    const [raced, all] = [one.race?.examples ?? 0, decision.data.development];
    return raced < all ? t.racerOutAfter(count(raced, lang), count(all, lang)) : t.racerOut;
  };
  return (
    <details className="block">
      <summary>{t.otherCandidates(others.length)}</summary>
      <table className="table task-table">
        <thead>
          <tr>
            <th scope="col">{t.candidate}</th>
            <th scope="col" className="number">
              {t.mean}
            </th>
            <th scope="col">{t.whatCameOfIt}</th>
          </tr>
        </thead>
        <tbody>
          {others.map((one) => (
            <tr key={one.candidate}>
              <th scope="row">
                <RouteName candidate={one.candidate} />
              </th>
              <td className="number" data-label={t.mean}>
                {one.race ? score(one.race.mean, lang) : '–'}
              </td>
              <td className="cell-text small">
                {said(one)}
                {one.race && (one.race.failed ?? 0) > 0 && (
                  <p className="soft">
                    {t.failedOf(count(one.race.failed ?? 0, lang), count(one.race.examples, lang))}
                    <FailureWhy why={one.race.failure} />
                  </p>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
