import { useRef, useState, type ChangeEvent, type DragEvent } from 'react';
import type { Row, Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count } from '../../lib/format';
import { Store, useStore } from '../../lib/store';
import { Icon } from '../../ui/Icon';
import { Button } from '../../ui/parts';
import { columnsOf, labelField, parseRows, type RowFormat, type RowProblem } from './rows';
import { SensitivitySelect } from './SensitivitySelect';

type Mode = 'paste' | 'form';
interface Typed {
  mode: Mode;
  text: string;
  fields: Record<string, string>;
}

const typed = new Store<Record<string, Typed>>({});
const nothing: Typed = { mode: 'paste', text: '', fields: {} };

/** Problems shown at a time: a file of another kind has one on every line. */
const SHOWN = 5;

/** Files that are read here, in the browser. */
const FILES = '.jsonl,.ndjson,.json,.csv,.tsv,.txt';

/** Where rows come from: pasted, from a file, or typed field by field. */
export function RowInput({ task, busy, onRun }: { task: Task; busy: boolean; onRun: (rows: Row[]) => void }) {
  const { t } = useTaskText();
  const now = useStore(typed)[task.name] ?? nothing;
  const set = (part: Partial<Typed>) => typed.set({ ...typed.get(), [task.name]: { ...now, ...part } });
  return (
    <section className="row-input" aria-label={t.rowsToRun}>
      <header className="row">
        <h2 className="grow">{t.rowsToRun}</h2>
        <div className="segments" role="group" aria-label={t.rowsToRun}>
          <button type="button" aria-pressed={now.mode === 'paste'} onClick={() => set({ mode: 'paste' })}>
            {t.pasteOrFile}
          </button>
          <button type="button" aria-pressed={now.mode === 'form'} onClick={() => set({ mode: 'form' })}>
            {t.fieldByField}
          </button>
        </div>
      </header>
      {now.mode === 'paste' ? (
        <Pasted task={task} text={now.text} busy={busy} onText={(text) => set({ text })} onRun={onRun} />
      ) : (
        <Fields task={task} fields={now.fields} busy={busy} onFields={(fields) => set({ fields })} onRun={onRun} />
      )}
    </section>
  );
}

interface PastedProps {
  task: Task;
  text: string;
  busy: boolean;
  onText: (text: string) => void;
  onRun: (rows: Row[]) => void;
}

function Pasted({ task, text, busy, onText, onRun }: PastedProps) {
  const { t, lang } = useTaskText();
  const file = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  const { rows, problems, format } = parseRows(text, task);
  const names: Record<RowFormat, string> = { jsonl: 'JSON Lines', json: 'JSON', csv: 'CSV', tsv: 'TSV', lines: t.oneALine };
  const take = (one: File | undefined) => {
    if (!one) return;
    const known = FILES.split(',').some((ending) => one.name.toLowerCase().endsWith(ending));
    setRefused(known ? null : one.name);
    if (known) void one.text().then(onText, () => setRefused(one.name));
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    take(event.target.files?.[0]);
    event.target.value = '';
  };
  const sensitivity = labelField(task);
  const [only] = task.input;
  return (
    <>
      <textarea
        className={over ? 'input rows-text over' : 'input rows-text'}
        data-main-input
        aria-label={t.rowsToRun}
        placeholder={task.input.length === 1 && only ? t.pasteOne(only.name) : t.pasteMany(columnsOf(task).map((field) => field.name).join(', '))}
        rows={7}
        spellCheck={false}
        value={text}
        onChange={(event) => onText(event.target.value)}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && rows.length > 0 && !busy) onRun(rows);
        }}
      />
      {refused !== null && (
        <p className="notice" role="alert">
          <Icon name="warn" size={16} />
          {t.fileNotRead(refused)}
        </p>
      )}
      {text.trim() !== '' && problems.length > 0 && <RowProblems problems={problems} />}
      {sensitivity !== null && <p className="soft small">{t.sensitivityColumn(sensitivity)}</p>}
      <div className="row">
        <p className="soft small grow figures" role="status">
          {text.trim() === '' ? t.pasteFormats : `${t.rowCount(count(rows.length, lang))} · ${names[format]}`}
        </p>
        <Button icon="file" onClick={() => file.current?.click()}>
          {t.chooseFile}
        </Button>
        <Button look="primary" icon="play" disabled={busy || rows.length === 0} onClick={() => onRun(rows)}>
          {t.run}
        </Button>
      </div>
      <input ref={file} type="file" hidden accept={FILES} aria-label={t.chooseFile} onChange={choose} />
    </>
  );
}

function RowProblems({ problems }: { problems: RowProblem[] }) {
  const { t } = useTaskText();
  const words: Record<RowProblem['kind'], (value: string) => string> = {
    json: (value) => t.wrongJson(value),
    object: (value) => t.wrongObject(value),
    quote: () => t.wrongQuote,
    columns: (value) => t.wrongColumns(value),
    field: (value) => t.wrongField(value),
  };
  return (
    <ul className="row-problems small" aria-label={t.whatIsWrong}>
      {problems.slice(0, SHOWN).map((problem) => (
        <li key={`${problem.line} ${problem.kind}`}>
          <span className="figures soft">{problem.kind === 'field' ? t.rowNumber(problem.line) : t.lineNumber(problem.line)}</span> {words[problem.kind](problem.value)}
        </li>
      ))}
      {problems.length > SHOWN && <li className="soft">{t.andMore(problems.length - SHOWN)}</li>}
    </ul>
  );
}

interface FieldsProps {
  task: Task;
  fields: Record<string, string>;
  busy: boolean;
  onFields: (fields: Record<string, string>) => void;
  onRun: (rows: Row[]) => void;
}

function Fields({ task, fields, busy, onFields, onRun }: FieldsProps) {
  const { t } = useTaskText();
  const columns = columnsOf(task);
  const row = Object.fromEntries(columns.map((field) => [field.name, fields[field.name] ?? '']).filter(([, value]) => value !== ''));
  const ready = columns.every((field) => field.optional || row[field.name] !== undefined);
  const isLabel = (name: string) => name === task.sensitivity_field;
  return (
    <form
      className="row-form"
      onSubmit={(event) => {
        event.preventDefault();
        onRun([row]);
      }}
    >
      {columns.map((field, at) => (
        <label className="field" key={field.name}>
          <span>
            <code>{field.name}</code>{' '}
            <span className="soft">{[field.description || (isLabel(field.name) ? t.rowSensitivity : ''), field.optional ? t.optional : ''].filter(Boolean).join(' · ')}</span>
          </span>
          {isLabel(field.name) ? (
            <SensitivitySelect value={fields[field.name] ?? ''} onChange={(value) => onFields({ ...fields, [field.name]: value })} />
          ) : (
            <textarea className="input" rows={2} data-main-input={at === 0 || undefined} value={fields[field.name] ?? ''} onChange={(event) => onFields({ ...fields, [field.name]: event.target.value })} />
          )}
        </label>
      ))}
      <div className="row end">
        <Button look="primary" type="submit" icon="play" disabled={busy || !ready}>
          {t.run}
        </Button>
      </div>
    </form>
  );
}
