import { useTaskText } from '../../i18n/tasks';
import { Button, IconButton } from '../../ui/parts';
import type { PartProps } from './EditForm';
import { lines, type FormValues } from './form';

/** Rows with the answers they should get. */
export function ExamplesForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  const labels = values.outputKind === 'labels' ? lines(values.labels) : [];
  const set = (at: number, one: FormValues['examples'][number]) => onChange({ ...values, examples: values.examples.map((old, place) => (place === at ? one : old)) });
  return (
    <fieldset className="block">
      <legend>{t.taskExamples}</legend>
      {values.examples.map((one, at) => (
        <div className={values.outputKind === 'labels' ? 'example' : 'example even'} key={at}>
          <div className="example-fields">
            {values.input.map((field) => (
              <label className="field" key={field.name}>
                {values.input.length > 1 && <span className="small">{field.name}</span>}
                <textarea className="input" rows={1} aria-label={t.exampleField(at + 1, field.name)} value={one.input[field.name] ?? ''} onChange={(event) => set(at, { ...one, input: { ...one.input, [field.name]: event.target.value } })} />
              </label>
            ))}
          </div>
          {labels.length > 0 ? (
            <select className="input" aria-label={t.exampleAnswer(at + 1)} value={one.output} onChange={(event) => set(at, { ...one, output: event.target.value })}>
              {!labels.includes(one.output) && <option value={one.output}>{one.output}</option>}
              {labels.map((label) => (
                <option key={label} value={label}>
                  {label}
                </option>
              ))}
            </select>
          ) : (
            <textarea className="input" rows={1} aria-label={t.exampleAnswer(at + 1)} value={one.output} onChange={(event) => set(at, { ...one, output: event.target.value })} />
          )}
          <IconButton icon="close" label={t.removeExample(at + 1)} onClick={() => onChange({ ...values, examples: values.examples.filter((_, place) => place !== at) })} />
        </div>
      ))}
      <Button className="quiet start" icon="plus" onClick={() => onChange({ ...values, examples: [...values.examples, { input: {}, output: labels[0] ?? '' }] })}>
        {t.addExample}
      </Button>
    </fieldset>
  );
}
