import { useRef, useState, type ChangeEvent, type DragEvent } from 'react';
import { readTable, type Row, type Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count } from '../../lib/format';
import { Store, useStore } from '../../lib/store';
import { Icon } from '../../ui/Icon';
import { Button, Failure } from '../../ui/parts';
import { columnsKey, columnsOf, labelField, parseRows, readerOf, TABLE_FILES, TEXT_FILES, type OpenTable, type RowFormat, type RowProblem } from './rows';
import { SensitivitySelect } from './SensitivitySelect';
import { TablePreview } from './TablePreview';

type Mode = 'paste' | 'form';
interface Typed {
  mode: Mode;
  text: string;
  /** A file in the place of the text. */
  table: OpenTable | null;
  fields: Record<string, string>;
}

const typed = new Store<Record<string, Typed>>({});
const nothing: Typed = { mode: 'paste', text: '', table: null, fields: {} };

/** Problems shown at a time: a file of another kind has one on every line. */
const SHOWN = 5;

/** Where rows come from: pasted, from a file, or typed field by field. */
export function RowInput({ task, busy, onRun }: { task: Task; busy: boolean; onRun: (rows: Row[]) => void }) {
  const { t } = useTaskText();
  const now = useStore(typed)[task.name] ?? nothing;
  // A file takes a while to be read; what was typed meanwhile stays.
  const set = (part: Partial<Typed>) => typed.set({ ...typed.get(), [task.name]: { ...(typed.get()[task.name] ?? nothing), ...part } });
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
        <Pasted task={task} text={now.text} table={now.table?.columns === columnsKey(task) ? now.table : null} busy={busy} onChange={set} onRun={onRun} />
      ) : (
        <Fields task={task} fields={now.fields} busy={busy} onFields={(fields) => set({ fields })} onRun={onRun} />
      )}
    </section>
  );
}

interface PastedProps {
  task: Task;
  text: string;
  table: OpenTable | null;
  busy: boolean;
  onChange: (part: Pick<Typed, 'text'> | Pick<Typed, 'table'>) => void;
  onRun: (rows: Row[]) => void;
}

function Pasted({ task, text, table, busy, onChange, onRun }: PastedProps) {
  const { t, lang } = useTaskText();
  const { reading, refused, error, take } = useFile(task, onChange);
  const file = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const parsed = parseRows(text, task);
  const { rows } = table ?? parsed;
  const names: Record<RowFormat, string> = { jsonl: 'JSON Lines', json: 'JSON', csv: 'CSV', tsv: 'TSV', lines: t.oneALine };
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
  const ready = !busy && reading === null && rows.length > 0;
  const facts = () => {
    if (reading !== null) return t.sending(reading);
    if (table) return t.rowCount(count(rows.length, lang));
    return text.trim() === '' ? t.pasteFormats : `${t.rowCount(count(rows.length, lang))} · ${names[parsed.format]}`;
  };
  return (
    <>
      <div
        className={over ? 'rows-drop over' : 'rows-drop'}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        {table ? (
          <TablePreview task={task} table={table} onClose={() => onChange({ table: null })} />
        ) : (
          <textarea
            className="input rows-text"
            data-main-input
            aria-label={t.rowsToRun}
            placeholder={task.input.length === 1 && only ? t.pasteOne(only.name) : t.pasteMany(columnsOf(task).map((field) => field.name).join(', '))}
            rows={7}
            spellCheck={false}
            value={text}
            onChange={(event) => onChange({ text: event.target.value })}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && ready) onRun(rows);
            }}
          />
        )}
      </div>
      {refused !== null && (
        <p className="notice" role="alert">
          <Icon name="warn" size={16} />
          {t.fileNotRead(refused)}
        </p>
      )}
      {error !== null && <Failure error={error} />}
      {!table && text.trim() !== '' && parsed.problems.length > 0 && <RowProblems problems={parsed.problems} />}
      {sensitivity !== null && <p className="soft small">{t.sensitivityColumn(sensitivity)}</p>}
      <div className="row">
        <p className="soft small grow figures" role="status">
          {facts()}
        </p>
        <Button icon="file" disabled={reading !== null} onClick={() => file.current?.click()}>
          {t.chooseFile}
        </Button>
        <Button look="primary" icon="play" disabled={!ready} onClick={() => onRun(rows)}>
          {t.run}
        </Button>
      </div>
      <input ref={file} type="file" hidden accept={`${TABLE_FILES},${TEXT_FILES}`} aria-label={t.chooseFile} onChange={choose} />
    </>
  );
}

/** Reads a file that is chosen or dropped: a table the server, a text the page, as if it were pasted. */
function useFile(task: Task, onRead: PastedProps['onChange']) {
  const [reading, setReading] = useState<string | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const read = async (file: File) => {
    setReading(file.name);
    try {
      if (readerOf(file.name) === 'page') onRead({ text: await file.text(), table: null });
      else onRead({ table: { name: file.name, columns: columnsKey(task), ...(await readTable(task.name, file)) } });
    } catch (problem) {
      setError(problem);
    }
    setReading(null);
  };
  const take = (file: File | undefined) => {
    if (!file || reading !== null) return;
    const known = readerOf(file.name) !== null;
    setRefused(known ? null : file.name);
    setError(null);
    if (known) void read(file);
  };
  return { reading, refused, error, take };
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
