import { useTaskText } from '../../i18n/tasks';
import type { PartProps } from './EditForm';
import { lines, readShort, type OutputKind } from './form';

/** What an answer looks like: labels, the short form, or a JSON Schema. */
export function OutputForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  const kinds: [OutputKind, string, string][] = [
    ['labels', t.asLabels, t.asLabelsHelp],
    ['short', t.asShort, t.asShortHelp],
    ['schema', t.asSchema, t.asSchemaHelp],
  ];
  const [, name = '', help = ''] = kinds.find(([kind]) => kind === values.outputKind) ?? [];
  const key = values.outputKind;
  const wrong = key === 'short' ? readShort(values.short) === undefined : key === 'schema' ? !isJson(values.schema) : lines(values.labels).length < 2;
  const rows = Math.min(14, Math.max(key === 'labels' ? 4 : 3, values[key].split('\n').length + 1));
  return (
    <fieldset className="block">
      <legend>{t.answerForm}</legend>
      <div className="segments start" role="group" aria-label={t.answerForm}>
        {kinds.map(([kind, title]) => (
          <button key={kind} type="button" aria-pressed={kind === values.outputKind} onClick={() => onChange({ ...values, outputKind: kind })}>
            {title}
          </button>
        ))}
      </div>
      <textarea
        className={key === 'labels' ? 'input' : 'input code'}
        aria-label={name}
        aria-invalid={wrong || undefined}
        spellCheck={false}
        rows={rows}
        value={values[key]}
        onChange={(event) => onChange({ ...values, [key]: event.target.value })}
      />
      <p className={wrong ? 'small problem' : 'small soft'}>{help}</p>
    </fieldset>
  );
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}
