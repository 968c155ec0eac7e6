import { useTaskText } from '../../i18n/tasks';
import type { PartProps } from './EditForm';
import { metrics } from './form';

type MetricName = (typeof metrics)[number];

/** How good an answer is; some metrics take a value after a colon. */
export function MetricForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  const helps: Record<MetricName, string> = {
    exact: t.metricExact,
    accuracy: t.metricAccuracy,
    costs: t.metricCosts,
    fields: t.metricFields,
    'number:': t.metricNumber,
    contains: t.metricContains,
    'rouge-l': t.metricRouge,
    chrf: t.metricChrf,
    'regex:': t.metricRegex,
    similarity: t.metricSimilarity,
    citations: t.metricCitations,
    judge: t.metricJudge,
    'judge-pairwise': t.metricPairwise,
  };
  const [head = '', ...rest] = values.metric.split(':');
  const withValue = metrics.find((name) => name === `${head}:`);
  const name = withValue ?? (values.metric as MetricName | '');
  const value = rest.join(':');
  const set = (metric: string) => onChange({ ...values, metric });
  const first: Partial<Record<string, string>> = { 'number:': 'number:0.05', 'regex:': 'regex:' };
  return (
    <div className="block">
      <label className="field">
        <span>{t.metric}</span>
        <select className="input" value={name} onChange={(event) => set(first[event.target.value] ?? event.target.value)}>
          <option value="">{t.metricUsual}</option>
          {name !== '' && !metrics.includes(name) && <option value={name}>{name}</option>}
          {metrics.map((one) => (
            <option key={one} value={one}>
              {one.replace(/:$/, '')}
            </option>
          ))}
        </select>
        <span className="soft small">{name === '' ? t.metricUsualHelp : helps[name]}</span>
      </label>
      {withValue && (
        <label className="field">
          <span>{withValue === 'number:' ? t.tolerance : t.pattern}</span>
          <input className="input code" spellCheck={false} value={value} onChange={(event) => set(`${head}:${event.target.value}`)} />
        </label>
      )}
    </div>
  );
}
