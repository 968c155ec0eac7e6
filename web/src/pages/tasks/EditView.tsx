import { useEffect, useRef, useState } from 'react';
import { saved, tried, type Changes, type TaskFile } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { useDebounced } from '../../lib/useDebounced';
import { useLoad } from '../../lib/useLoad';
import { Button, Empty, Failure } from '../../ui/parts';
import { setDraft, useDraft, type Draft } from './draft';
import { EditForm } from './EditForm';
import { EditText } from './EditText';
import { changesOf, valuesOf, type FormValues } from './form';

type Change = { source: string } | { set: Changes };

function changeOf(draft: Draft, file: TaskFile, base: FormValues | null): Change {
  if ('text' in draft) return { source: draft.text };
  return { set: base ? changesOf(base, draft.form, file.task?.output) : {} };
}

/** A task's file as a form and as text, side by side; both change the same file. */
export function EditView({ file: loaded, onSaved }: { file: TaskFile; onSaved: () => void }) {
  const { t, lang } = useTaskText();
  // What was just saved stands until the page has loaded it again.
  const [written, setWritten] = useState<TaskFile | null>(null);
  useEffect(() => setWritten(null), [loaded]);
  const file = written ?? loaded;
  const { name } = file;
  const draft = useDraft(name);
  const base = file.task ? valuesOf(file.task, file.source) : null;
  const change = draft ? changeOf(draft, file, base) : null;
  const settled = useDebounced(change ? JSON.stringify(change) : null, 350);
  const tryOut = useLoad(settled === null ? null : `${name} ${settled}`, (signal) => tried(name, JSON.parse(settled ?? '{}') as Change, signal));
  // While the next answer is on its way, the last one stands: the text must not flicker.
  const last = useRef<TaskFile | null>(null);
  if (tryOut.value) last.current = tryOut.value;
  const preview = draft ? (tryOut.value ?? last.current) : null;
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState(false);
  const [pane, setPane] = useState<'form' | 'text'>('form');

  const byText = draft !== null && 'text' in draft;
  const text = byText ? draft.text : (preview?.source ?? file.source);
  const shown = draft && 'form' in draft ? draft.form : byText && preview?.task ? valuesOf(preview.task, preview.source) : base;
  const problems = preview?.problems ?? (byText && tryOut.value ? tryOut.value.problems : file.problems);

  const write = (next: Draft | null) => {
    setSaid(false);
    setError(null);
    setDraft(name, next);
  };
  const save = async () => {
    if (!change) return;
    setBusy(true);
    setError(null);
    try {
      setWritten(await saved(name, change));
      last.current = null;
      setDraft(name, null);
      setSaid(true);
      onSaved();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const form = (values: FormValues) => write(base && JSON.stringify(values) === JSON.stringify(base) ? null : { form: values });
  return (
    <section className="edit" aria-label={t.viewEdit}>
      <div className="edit-bar">
        <p className="grow" role="status">
          {draft ? <strong>{t.unsaved}</strong> : <span className="soft">{said ? t.savedTo(file.path) : file.path}</span>}
          {problems.length > 0 && <span className="badge bad">{t.problemCount(problems.length)}</span>}
        </p>
        {draft && <Button onClick={() => write(null)}>{t.discard}</Button>}
        <Button look="primary" icon="check" disabled={!draft || busy || problems.length > 0} onClick={() => void save()}>
          {t.save}
        </Button>
      </div>
      {error !== null && <Failure error={error} retry={() => void save()} />}
      {tryOut.error !== null && draft && <Failure error={tryOut.error} retry={tryOut.reload} />}
      <div className="segments start narrow-only" role="group" aria-label={t.viewEdit}>
        <button type="button" aria-pressed={pane === 'form'} onClick={() => setPane('form')}>
          {t.asForm}
        </button>
        <button type="button" aria-pressed={pane === 'text'} onClick={() => setPane('text')}>
          {t.asText}
        </button>
      </div>
      <div className="edit-grid" data-pane={pane}>
        {shown ? (
          <fieldset className="edit-form" disabled={byText} aria-label={t.asForm}>
            {byText && <p className="notice">{t.formWaits}</p>}
            <EditForm values={shown} onChange={form} />
          </fieldset>
        ) : (
          <Empty title={t.noForm}>{t.noFormHelp}</Empty>
        )}
        <div className="edit-text">
          <EditText text={text} problems={problems} onChange={(next) => write(next === file.source ? null : { text: next })} />
          {problems.length > 0 && (
            <ul className="file-problems" aria-label={t.whatIsWrong}>
              {problems.map((problem) => (
                <li key={`${problem.line} ${problem.column} ${problem.message}`}>
                  <span className="figures soft">{t.lineNumber(problem.line)}</span>
                  <span>
                    {problem.key && <code>{problem.key}</code>} {reason(problem.message, lang)}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
    </section>
  );
}
