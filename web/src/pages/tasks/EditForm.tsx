import { useRef } from 'react';
import { get } from '../../api/client';
import type { KnowledgeBase } from '../../api/types';
import { useTaskText } from '../../i18n/tasks';
import { useLoad } from '../../lib/useLoad';
import { Button, IconButton } from '../../ui/parts';
import { ExamplesForm } from './ExamplesForm';
import { wordOf, type FormValues } from './form';
import { CostsForm, GradingForm } from './GradingForm';
import { LimitsForm } from './LimitsForm';
import { MetricForm } from './MetricForm';
import { OutputForm } from './OutputForm';

export interface PartProps {
  values: FormValues;
  onChange: (values: FormValues) => void;
}

/** A task's file as a form, in the order of a file. */
export function EditForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  const bases = useLoad('bases', async (signal) => (await get<{ knowledge_bases: KnowledgeBase[] }>('/v1/knowledge_bases', signal)).knowledge_bases);
  const names = (bases.value ?? []).filter((base) => !base.error).map((base) => base.name);
  if (values.knowledge_base && !names.includes(values.knowledge_base)) names.unshift(values.knowledge_base);
  return (
    <>
      <label className="field">
        <span>{t.taskDescription}</span>
        <input className="input" value={values.description} onChange={(event) => onChange({ ...values, description: event.target.value })} />
      </label>
      <FieldsForm values={values} onChange={onChange} />
      <OutputForm values={values} onChange={onChange} />
      <InstructionsForm values={values} onChange={onChange} />
      <ExamplesForm values={values} onChange={onChange} />
      <MetricForm values={values} onChange={onChange} />
      <GradingForm values={values} onChange={onChange} />
      <CostsForm values={values} onChange={onChange} />
      <label className="field">
        <span>{t.knowledgeBase}</span>
        <select className="input" value={values.knowledge_base} onChange={(event) => onChange({ ...values, knowledge_base: event.target.value })}>
          <option value="">{t.noBase}</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <span className="soft small">{t.knowledgeBaseHelp}</span>
      </label>
      <LimitsForm values={values} onChange={onChange} />
    </>
  );
}

function FieldsForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  const set = (at: number, part: Partial<FormValues['input'][number]>) => onChange({ ...values, input: values.input.map((field, place) => (place === at ? { ...field, ...part } : field)) });
  return (
    <fieldset className="block">
      <legend>{t.rowFields}</legend>
      {values.input.map((field, at) => (
        <div className="field-line" key={at}>
          <input className="input code" aria-label={t.fieldName} placeholder={t.fieldName} spellCheck={false} value={field.name} onChange={(event) => set(at, { name: event.target.value })} />
          <input className="input" aria-label={t.fieldDescription} placeholder={t.fieldDescription} value={field.description} onChange={(event) => set(at, { description: event.target.value })} />
          <label className="check">
            <input type="checkbox" checked={field.optional} onChange={(event) => set(at, { optional: event.target.checked })} />
            {t.optional}
          </label>
          <IconButton icon="close" label={t.removeField(field.name)} disabled={values.input.length === 1} onClick={() => onChange({ ...values, input: values.input.filter((_, place) => place !== at) })} />
        </div>
      ))}
      <Button className="quiet start" icon="plus" onClick={() => onChange({ ...values, input: [...values.input, { name: '', description: '', optional: false }] })}>
        {t.addField}
      </Button>
    </fieldset>
  );
}

function InstructionsForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  const area = useRef<HTMLTextAreaElement>(null);
  const words = new Set([...values.input.filter((field) => field.name !== '').map((field) => wordOf(field.name)), ...(values.knowledge_base ? ['passages'] : [])]);
  const insert = (word: string) => {
    const element = area.current;
    if (!element) return;
    const [start, end] = [element.selectionStart, element.selectionEnd];
    const put = `{{ ${word} }}`;
    onChange({ ...values, instructions: values.instructions.slice(0, start) + put + values.instructions.slice(end) });
    requestAnimationFrame(() => {
      element.focus();
      element.setSelectionRange(start + put.length, start + put.length);
    });
  };
  return (
    <div className="block">
      <label className="field">
        <span>{t.instructions}</span>
        <textarea ref={area} className="input" rows={8} value={values.instructions} onChange={(event) => onChange({ ...values, instructions: event.target.value })} />
      </label>
      <p className="row small soft">
        {t.placeholders}
        {Array.from(words, (word) => (
          <button key={word} type="button" className="chip code" onClick={() => insert(word)}>{`{{ ${word} }}`}</button>
        ))}
      </p>
    </div>
  );
}
