import type { Decision, Entrant, Interval, Need } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { bytes, count, duration, figure } from '../../lib/format';
import { RouteName } from '../tasks/RouteName';
import { FailureWhy } from './Raced';
import { pText, signedSpan, span } from './words';

interface FinalistsProps {
  decision: Decision;
  finalists: Entrant[];
  looked: string | null;
  onLook: (candidate: string) => void;
}

/** The finalists with their intervals, and each against the chosen one. */
export function Finalists({ decision, finalists, looked, onLook }: FinalistsProps) {
  const { t, lang } = useTaskText();
  const needs: Record<Need, string> = { cost: t.cost, latency: t.latency, memory: t.memory };
  const reach = ({ low, high }: Interval): string | null => {
    if (low == null) return null;
    return high == null ? t.p95Least(duration(low, lang)) : t.p95Reach(duration(low, lang), duration(high, lang));
  };
  const range = finalists.reduce<[number, number]>(([low, high], one) => [Math.min(low, one.result?.quality.low ?? one.result?.quality.value ?? 1), Math.max(high, one.result?.quality.high ?? one.result?.quality.value ?? 0)], [1, 0]);
  return (
    <section className="block" aria-label={t.finalists}>
      <h2>{t.finalists}</h2>
      <div className="wide" tabIndex={0} role="region" aria-label={t.finalists}>
        <table className="table task-table finalists">
          <thead>
            <tr>
              <th scope="col" className="number">
                #
              </th>
              <th scope="col">{t.candidate}</th>
              <th scope="col">{t.qualityBy(decision.metric)}</th>
              <th scope="col">{t.chosenMinusThis}</th>
              <th scope="col" className="number">
                {t.medianTime}
              </th>
              <th scope="col" className="number">
                {t.costPerThousand}
              </th>
              <th scope="col" className="number">
                {t.memoryOfModel}
              </th>
            </tr>
          </thead>
          <tbody>
            {finalists.map((one, at) => {
              const result = one.result;
              if (!result) return null;
              const chosen = one.candidate === decision.chosen;
              const all = count(result.examples, lang);
              const abstained = result.abstained ?? 0;
              const p95 = reach(result.latency_p95_ms);
              return (
                <tr key={one.candidate} className={one.candidate === looked ? 'looked' : undefined} data-candidate={one.candidate}>
                  <td className="number soft">{at + 1}</td>
                  <th scope="row">
                    <button type="button" className="link" onClick={() => onLook(one.candidate)}>
                      <RouteName candidate={one.candidate} />
                    </button>
                    {chosen && <span className="badge good">{t.chosenMark}</span>}
                    {decision.not_ruled_out.includes(one.candidate) && <span className="badge">{t.openMark}</span>}
                    {one.breaks.map((need) => (
                      <span key={need} className="badge bad">
                        {t.breaksLimit(needs[need])}
                      </span>
                    ))}
                    {result.examples < decision.data.test && <span className="below small soft">{t.measuredOn(all, count(decision.data.test, lang))}</span>}
                    {result.failed > 0 && (
                      <span className="below small soft">
                        {t.failedOf(count(result.failed, lang), all)}
                        <FailureWhy why={result.failure} />
                      </span>
                    )}
                    {abstained > 0 && <span className="below small soft">{t.abstainedOf(count(abstained, lang), all)}</span>}
                  </th>
                  <td data-label={t.quality} className="figures">
                    <IntervalBar interval={result.quality} range={range} strong={chosen} />
                    {span(result.quality, lang)}
                  </td>
                  <td data-label={t.chosenMinusThis} className="figures">
                    {chosen || !one.against ? (
                      '–'
                    ) : (
                      <>
                        {signedSpan(one.against.difference.interval, lang)}
                        <span className="below soft small">p = {pText(one.against.p)}</span>
                      </>
                    )}
                  </td>
                  <td data-label={t.medianTime} className="number">
                    {duration(result.latency_p50_ms, lang)}
                    <span className="below soft small">{t.p95Time(duration(result.latency_p95_ms.value, lang))}</span>
                    {p95 !== null && <span className="below soft small">{p95}</span>}
                  </td>
                  <td data-label={t.costPerThousand} className="number">
                    {result.cost_per_1000 === 0 ? t.free : figure(result.cost_per_1000, lang)}
                    <span className="below soft small">{t.tokensEach(figure(result.prompt_tokens, lang), figure(result.completion_tokens, lang))}</span>
                  </td>
                  <td data-label={t.memoryOfModel} className="number">
                    {bytes(one.memory, lang)}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p className="soft small">{t.differencesHelp}</p>
    </section>
  );
}

/** An interval on a scale that all rows share. */
function IntervalBar({ interval, range: [low, high], strong }: { interval: Interval; range: [number, number]; strong: boolean }) {
  const width = 96;
  const x = (value: number) => 4 + ((value - low) / Math.max(1e-9, high - low)) * (width - 8);
  return (
    <svg className={strong ? 'interval-bar strong' : 'interval-bar'} width={width} height={16} aria-hidden="true">
      <line x1={0} x2={width} y1={8} y2={8} className="ground" />
      {interval.low !== null && interval.high !== null && <line x1={x(interval.low)} x2={x(interval.high)} y1={8} y2={8} className="reach" />}
      <circle cx={x(interval.value)} cy={8} r={3.5} />
    </svg>
  );
}
