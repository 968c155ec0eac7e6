import { useEffect, useMemo, useRef, useState } from 'react';
import type { Json, Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { useLoad } from '../../lib/useLoad';
import { useEscape } from '../../lib/useEscape';
import { Icon } from '../../ui/Icon';
import { Bar, Button, Failure } from '../../ui/parts';
import { labelsOf, outputValue } from './form';
import { changed, stepped, stepOf, tally, type Step } from './labelling';
import { allRows, finder, rowChanges, Saver } from './labels';
import { LabelKeys } from './LabelKeys';
import { columnsOf, short } from './rows';
import { setLabelling, type Sitting } from './sitting';
import { Value } from './Value';

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT|BUTTON|A|SUMMARY)$/.test(target.tagName);
}

/** Goes through outputs by keyboard and keeps what is accepted or corrected as labelled rows. */
export function Labeller({ task, sitting, onClose }: { task: Task; sitting: Sitting; onClose: () => void }) {
  const { t, lang } = useTaskText();
  const { name } = task;
  const state = sitting.labelling;
  const labels = useMemo(() => labelsOf(task.output) ?? [], [task]);
  const outputs = sitting.answers.map((answer) => (answer?.error === undefined ? (answer?.output ?? null) : null));
  const there = useLoad(`labels ${name}`, (signal) => allRows(name, signal));
  const find = useMemo(() => finder(task, there.value?.rows ?? []), [task, there.value]);
  const [saving, setSaving] = useState<{ waiting: number; error: unknown }>({ waiting: 0, error: null });
  const saver = useRef<Saver | null>(null);
  saver.current ??= new Saver(name, setSaving);
  const [editing, setEditing] = useState<string | null>(null);

  const take = (step: Step) => {
    const next = stepped(state, outputs, step);
    if (next === state) return;
    setLabelling(name, next);
    const changes = changed(state, next).flatMap(({ at, output }) => {
      const row = sitting.rows[at] ?? {};
      // Without a mark, the row is what it was before this sitting: labelled otherwise, or not at all.
      return rowChanges(task, row, output, find(row));
    });
    if (changes.length > 0) saver.current?.add(changes);
  };
  const output = outputs[state.at] ?? null;
  const edit = () => setEditing(short(state.marks[state.at]?.output ?? output ?? undefined));
  useLabelKeys(editing === null && !there.loading, (key) => {
    const step = stepOf(key, labels);
    if (step === null) return false;
    if (step === 'edit') edit();
    else take(step);
    return true;
  });
  useEscape(() => (editing === null ? onClose() : setEditing(null)));

  const row = sitting.rows[state.at] ?? {};
  const answer = sitting.answers[state.at];
  const mark = state.marks[state.at];
  const sums = tally(state.marks);
  const before = find(row);
  const columns = columnsOf(task);
  const finished = sums.open === 0;
  return (
    <section className="labeller" aria-label={t.collectLabels}>
      <header className="results-head">
        <h2>{t.collectLabels}</h2>
        <p className="soft small figures grow" role="status">
          {[t.placeOf(state.at + 1, state.marks.length), t.acceptedCount(sums.accepted), t.correctedCount(sums.corrected), t.skippedCount(sums.skipped)].join(' · ')}
          {saving.waiting > 0 && saving.error === null ? ` · ${t.saving}` : (saver.current?.saved ?? 0) > 0 && saving.error === null ? ` · ${t.allSaved}` : ''}
        </p>
        <Button icon="list" onClick={onClose}>
          {t.backToTable}
        </Button>
      </header>
      <Bar share={1 - sums.open / Math.max(1, state.marks.length)} label={t.collectLabels} />
      {saving.error !== null && <Failure error={saving.error} retry={() => void saver.current?.flush()} />}
      {there.error !== null && <Failure error={there.error} retry={there.reload} />}
      <div className={`label-card ${mark?.kind ?? ''}`} aria-live="polite">
        <dl className="label-input">
          {columns.filter((field) => short(row[field.name]) !== '').map((field) => (
            <div key={field.name}>
              {columns.length > 1 && <dt>{field.name}</dt>}
              <dd>{short(row[field.name])}</dd>
            </div>
          ))}
        </dl>
        <div className="label-output">
          <div className="row">
            <h3 className="grow">{mark && mark.kind !== 'skipped' ? t.labelIs : t.modelSays}</h3>
            {mark && (
              <span className={mark.kind === 'skipped' ? 'badge' : 'badge good'}>
                {mark.kind !== 'skipped' && <Icon name="check" size={12} />}
                {mark.kind === 'accepted' ? t.accepted : mark.kind === 'corrected' ? t.corrected : t.skipped}
              </span>
            )}
            {!mark && before && <span className="badge">{t.labelledBefore(short(before.output))}</span>}
          </div>
          {editing !== null ? (
            <Correct
              text={editing}
              json={task.output.type !== 'string'}
              onCancel={() => setEditing(null)}
              onGive={(text) => {
                setEditing(null);
                take({ do: 'give', output: outputValue(text, task.output) });
              }}
            />
          ) : answer?.error !== undefined && !(mark && mark.kind !== 'skipped') ? (
            <p className="problem">{reason(answer.error, lang)}</p>
          ) : (
            <p className="label-value">
              <Value value={mark && mark.kind !== 'skipped' ? mark.output : output} label={labels.length > 0} />
            </p>
          )}
          {labels.length > 0 && (
            <div className="label-choices" role="group" aria-label={t.chooseLabel}>
              {labels.map((label, at) => (
                <button key={label} type="button" className="button" aria-pressed={(mark && mark.kind !== 'skipped' ? mark.output : output) === label} onClick={() => take({ do: 'give', output: label as Json })}>
                  {at < 9 && <kbd>{at + 1}</kbd>}
                  {label}
                </button>
              ))}
            </div>
          )}
        </div>
      </div>
      {finished && <p className="soft">{t.allLabelled(sums.accepted + sums.corrected)}</p>}
      <LabelKeys labels={labels.length} canAccept={output !== null} canUndo={state.past.length > 0} onStep={take} onEdit={edit} />
    </section>
  );
}

/** Keys of the whole page, as long as nothing is typed in; `g` and a letter still go to another page. */
function useLabelKeys(on: boolean, press: (key: string) => boolean): void {
  const latest = useRef(press);
  latest.current = press;
  useEffect(() => {
    if (!on) return;
    let gone = -Infinity;
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return;
      if (isTyping(event.target) && !(event.key.length === 1 && event.target instanceof HTMLButtonElement)) return;
      const going = event.timeStamp - gone < 1500;
      gone = event.key === 'g' ? event.timeStamp : -Infinity;
      if (!going && latest.current(event.key)) event.preventDefault();
    };
    // Before the page's own keys, which listen at the window.
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, [on]);
}

/** An answer put right by hand: text, or JSON that has to be sound. */
function Correct({ text, json, onGive, onCancel }: { text: string; json: boolean; onGive: (text: string) => void; onCancel: () => void }) {
  const { t } = useTaskText();
  const [typed, setTyped] = useState(() => (json ? pretty(text) : text));
  const wrong = json && pretty(typed) === typed && !sound(typed);
  return (
    <div className="block">
      <textarea
        className={json ? 'input code' : 'input'}
        autoFocus
        rows={json ? 8 : 3}
        aria-label={t.correctAnswer}
        aria-invalid={wrong || undefined}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.nativeEvent.isComposing && (json ? event.ctrlKey || event.metaKey : !event.shiftKey) && !wrong) {
            event.preventDefault();
            onGive(typed);
          }
        }}
      />
      <div className="row">
        <p className={wrong ? 'small problem grow' : 'small soft grow'}>{wrong ? t.notJson : json ? t.correctJsonKeys : t.correctKeys}</p>
        <Button onClick={onCancel}>{t.cancel}</Button>
        <Button look="primary" disabled={wrong || typed.trim() === ''} onClick={() => onGive(typed)}>
          {t.useThis}
        </Button>
      </div>
    </div>
  );
}

function sound(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function pretty(text: string): string {
  return sound(text) ? JSON.stringify(JSON.parse(text), null, 2) : text;
}
