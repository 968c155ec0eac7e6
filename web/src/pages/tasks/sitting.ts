import { isAbort, post } from '../../api/client';
import { at, plain, type Row, type RowAnswer, type RunAnswers } from '../../api/tasks';
import { Store, useStore } from '../../lib/store';
import { begun, type Labelling } from './labelling';

/** Rows that are run and what came of them; kept while pages and tabs come and go. */
export interface Sitting {
  rows: Row[];
  answers: (RowAnswer | null)[];
  candidate: string | null;
  running: boolean;
  error: unknown;
  /** When it last set out, and how many answers were there then: for the rate. */
  since: number;
  before: number;
  labelling: Labelling;
}

const sittings = new Store<Record<string, Sitting>>({});
const controls = new Map<string, AbortController>();

export function useSitting(name: string): Sitting | null {
  return useStore(sittings)[name] ?? null;
}

function change(name: string, part: Partial<Sitting>): void {
  const old = sittings.get()[name];
  if (old) sittings.set({ ...sittings.get(), [name]: { ...old, ...part } });
}

export function setLabelling(name: string, labelling: Labelling): void {
  change(name, { labelling });
}

/** Runs these rows from the first. */
export function start(name: string, rows: Row[]): void {
  stop(name);
  const empty = rows.map(() => null);
  sittings.set({
    ...sittings.get(),
    [name]: { rows, answers: empty, candidate: null, running: true, error: null, since: performance.now(), before: 0, labelling: begun(rows.length) },
  });
  void goOn(name);
}

export function stop(name: string): void {
  controls.get(name)?.abort();
  controls.delete(name);
  change(name, { running: false });
}

export function forget(name: string): void {
  stop(name);
  const rest = { ...sittings.get() };
  delete rest[name];
  sittings.set(rest);
}

/** How many rows are asked at once: few first, so that something is soon seen. */
export function batchSize(done: number): number {
  return done === 0 ? 4 : 16;
}

/** Asks for what has no answer yet. */
export async function goOn(name: string): Promise<void> {
  const control = new AbortController();
  controls.set(name, control);
  const done = () => sittings.get()[name]?.answers.filter((one) => one !== null).length ?? 0;
  change(name, { running: true, error: null, since: performance.now(), before: done() });
  try {
    for (;;) {
      const now = sittings.get()[name];
      if (!now || control.signal.aborted) return;
      const places = now.answers.flatMap((answer, place) => (answer === null ? [place] : [])).slice(0, batchSize(done()));
      if (places.length === 0) break;
      const rows = places.map((place) => now.rows[place] ?? {});
      const said = await post<RunAnswers>(`${at.task(name)}/run`, { rows }, control.signal);
      const later = sittings.get()[name];
      if (!later || control.signal.aborted) return;
      const answers = [...later.answers];
      places.forEach((place, one) => {
        answers[place] = plain(said.rows[one] ?? { row: one + 1, error: '' });
      });
      change(name, { answers, candidate: said.candidate });
    }
    change(name, { running: false });
  } catch (error) {
    if (!isAbort(error)) change(name, { running: false, error });
  }
}
