import { useRef, useState, type FormEvent } from 'react';
import { post, upload } from '../../api/client';
import { at, type Begun, type TaskFile, type Template } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count } from '../../lib/format';
import { go } from '../../lib/router';
import { Button, Dialog, Failure, IconButton } from '../../ui/parts';
import { taskHref } from './address';
import { WrongRows } from './DataFacts';
import { TABLE_FILES } from './rows';

/** Begins a task from a template, in the language its texts are in, as it is or fitted to a table of labelled rows. */
export function NewTask({ templates, onClose }: { templates: Template[]; onClose: () => void }) {
  const { t, lang } = useTaskText();
  const [name, setName] = useState('');
  const [template, setTemplate] = useState('classify');
  // Nothing is said of the language of a table's texts until somebody does.
  const [picked, setPicked] = useState<typeof lang | null>(null);
  const language = picked ?? lang;
  const [input, setInput] = useState('');
  const [sample, setSample] = useState(false);
  const [table, setTable] = useState<File | null>(null);
  const [label, setLabel] = useState('');
  const [begun, setBegun] = useState<Begun | null>(null);
  const files = useRef<HTMLInputElement>(null);
  const shown = table ? picked : language;
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      if (table) {
        const asked = { template, language: picked ?? '', file: table.name, label: label.trim(), input: input.trim() };
        setBegun(await upload<Begun>(at.begin(name.trim(), asked), new Blob([table], { type: 'application/octet-stream' })));
        return;
      }
      const { name: made } = await post<TaskFile>(at.all, { name: name.trim(), template, language, sample });
      go(taskHref(made, 'edit'));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  if (begun && table) return <Fitted begun={begun} file={table.name} />;
  return (
    <Dialog title={t.newTask} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span>{t.taskName}</span>
          <input className="input" autoFocus autoCapitalize="off" autoComplete="off" spellCheck={false} value={name} onChange={(event) => setName(event.target.value)} />
          <span className="soft small">{t.taskNameHelp}</span>
        </label>
        <fieldset className="choices">
          <legend>{t.template}</legend>
          {templates.map((one) => (
            <label key={one.name} className="choice">
              <input type="radio" name="template" value={one.name} checked={template === one.name} onChange={() => setTemplate(one.name)} />
              <span>
                <strong>{one.name}</strong>
                <span className="soft small">{one.description[language]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <div className="field">
          <span>{t.taskLanguage}</span>
          <div className="segments start" role="group" aria-label={t.taskLanguage}>
            <button type="button" lang="zh-CN" aria-pressed={shown === 'zh'} onClick={() => setPicked('zh')}>
              中文
            </button>
            <button type="button" lang="en" aria-pressed={shown === 'en'} onClick={() => setPicked('en')}>
              English
            </button>
          </div>
          <span className="soft small">{table && !picked ? t.languageOfRows : t.taskLanguageHelp}</span>
        </div>
        <div className="field">
          <span>{t.ownRows}</span>
          <div className="row">
            <Button icon="file" onClick={() => files.current?.click()}>
              {t.chooseFile}
            </Button>
            <span className={table ? 'grow' : 'grow soft small'}>{table?.name ?? t.noFileYet}</span>
            {table && <IconButton icon="close" label={t.takeFileOut} onClick={() => setTable(null)} />}
          </div>
          <input
            ref={files}
            type="file"
            hidden
            accept={TABLE_FILES}
            aria-label={t.ownRows}
            onChange={(event) => {
              setTable(event.target.files?.[0] ?? null);
              event.target.value = '';
            }}
          />
          <span className="soft small">{t.ownRowsHelp}</span>
        </div>
        {table ? (
          <div className="two-fields">
            <label className="field">
              <span>{t.readColumn}</span>
              <input className="input" spellCheck={false} placeholder={t.labelColumnUsual} value={input} onChange={(event) => setInput(event.target.value)} />
            </label>
            <label className="field">
              <span>{t.labelColumn}</span>
              <input className="input" spellCheck={false} placeholder={t.labelColumnUsual} value={label} onChange={(event) => setLabel(event.target.value)} />
            </label>
          </div>
        ) : (
          <label className="check">
            <input type="checkbox" checked={sample} onChange={() => setSample(!sample)} />
            {t.withSample}
          </label>
        )}
        {error !== null && <Failure error={error} />}
        <div className="row end">
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || name.trim() === ''}>
            {t.create}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What was made of the template for a table. */
function Fitted({ begun, file }: { begun: Begun; file: string }) {
  const { t, lang } = useTaskText();
  const { fitted, rows } = begun;
  const open = () => go(taskHref(begun.name, 'edit'));
  return (
    <Dialog title={t.begunFrom(file)} onClose={open}>
      <ul className="fitted">
        {fitted.input && <li>{t.fittedColumn(fitted.input[1])}</li>}
        {fitted.labels.map((one) => (
          <li key={one.field ?? ''}>
            {t.fittedLabels(one.field ?? '', one.labels.join(t.and))}
            {one.left_out.length > 0 && <span className="soft"> · {t.fittedGone(one.left_out.join(t.and))}</span>}
          </li>
        ))}
        {fitted.examples_left_out > 0 && <li>{t.fittedExamples(fitted.examples_left_out)}</li>}
        {fitted.lines_left_out > 0 && <li>{t.fittedLines(fitted.lines_left_out)}</li>}
        {!fitted.input && fitted.labels.length === 0 && <li>{t.fittedSame}</li>}
        <li>{t.rowsTaken(count(rows.added + rows.replaced, lang))}</li>
      </ul>
      {rows.wrong.length > 0 && <WrongRows wrong={rows.wrong} />}
      <p className="soft">{t.readInstructions}</p>
      <div className="row end">
        <Button look="primary" onClick={open}>
          {t.toEdit}
        </Button>
      </div>
    </Dialog>
  );
}
