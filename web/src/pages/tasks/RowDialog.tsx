import { useState, type FormEvent } from 'react';
import type { Json, LabelledRow, Row, RowChange, Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { Button, Dialog, Failure } from '../../ui/parts';
import { labelsOf, outputValue } from './form';
import { change } from './labels';
import { columnsOf, keyOf, short } from './rows';
import { SensitivitySelect } from './SensitivitySelect';

/** A labelled row to add or to change. */
export function RowDialog({ task, row, onClose, onDone }: { task: Task; row: LabelledRow | null; onClose: () => void; onDone: () => void }) {
  const { t } = useTaskText();
  const labels = labelsOf(task.output);
  const columns = columnsOf(task);
  const [fields, setFields] = useState<Record<string, string>>(() => Object.fromEntries(columns.map((field) => [field.name, short(row?.input[field.name])])));
  const [output, setOutput] = useState(() => (row ? (typeof row.output === 'string' ? row.output : JSON.stringify(row.output, null, 2)) : (labels?.[0] ?? '')));
  const [tags, setTags] = useState(row?.tags?.join(', ') ?? '');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ready = output.trim() !== '' && columns.every((field) => field.optional || fields[field.name]?.trim());
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // What was no text and was not touched stays what it was.
    const value = (name: string): Json => (row && short(row.input[name]) === fields[name] ? (row.input[name] ?? '') : (fields[name] ?? ''));
    const input: Row = Object.fromEntries(columns.filter((field) => fields[field.name]).map((field) => [field.name, value(field.name)]));
    const list = tags.split(/[,;，；]/).map((tag) => tag.trim()).filter(Boolean);
    const changes: RowChange[] = [{ input, output: outputValue(output, task.output), tags: list }];
    if (row && keyOf(row.input) !== keyOf(input)) changes.unshift({ input: row.input, output: null });
    setBusy(true);
    try {
      await change(task.name, changes);
      onDone();
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog title={row ? t.changeRow : t.addRow} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        {columns.map((field) => (
          <label className="field" key={field.name}>
            <span>{field.name}</span>
            {field.name === task.sensitivity_field ? (
              <SensitivitySelect value={fields[field.name] ?? ''} onChange={(value) => setFields({ ...fields, [field.name]: value })} />
            ) : (
              <textarea className="input" rows={3} value={fields[field.name] ?? ''} onChange={(event) => setFields({ ...fields, [field.name]: event.target.value })} />
            )}
          </label>
        ))}
        <label className="field">
          <span>{t.label}</span>
          {labels ? (
            <select className="input" value={output} onChange={(event) => setOutput(event.target.value)}>
              {!labels.includes(output) && <option value={output}>{output}</option>}
              {labels.map((label) => (
                <option key={label} value={label}>
                  {label}
                </option>
              ))}
            </select>
          ) : (
            <textarea className={task.output.type === 'string' ? 'input' : 'input code'} rows={4} value={output} onChange={(event) => setOutput(event.target.value)} />
          )}
        </label>
        <label className="field">
          <span>{t.tags}</span>
          <input className="input" value={tags} onChange={(event) => setTags(event.target.value)} />
          <span className="soft small">{t.tagsHelp}</span>
        </label>
        {error !== null && <Failure error={error} />}
        <div className="row end">
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || !ready}>
            {t.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
