import type { Json } from '../../api/tasks';
import { short } from './rows';

/** What a person said of an output. */
export interface Mark {
  kind: 'accepted' | 'corrected' | 'skipped';
  output: Json;
}

/** Where labelling is, and what was said of each row; `past` holds what undoing brings back. */
export interface Labelling {
  at: number;
  marks: (Mark | null)[];
  past: { at: number; mark: Mark | null }[];
}

export type Step =
  | { do: 'move'; by: number }
  | { do: 'go'; to: number }
  | { do: 'accept' }
  | { do: 'give'; output: Json }
  | { do: 'skip' }
  | { do: 'undo' };

/** An output a row came with; null where there is an error instead. */
export type Outputs = (Json | null)[];

export function begun(rows: number): Labelling {
  return { at: 0, marks: Array.from({ length: rows }, () => null), past: [] };
}

/** What one step makes of it; the same thing back if the step cannot be taken. */
export function stepped(state: Labelling, outputs: Outputs, step: Step): Labelling {
  const last = state.marks.length - 1;
  const output = outputs[state.at] ?? null;
  switch (step.do) {
    case 'move':
      return { ...state, at: Math.min(last, Math.max(0, state.at + step.by)) };
    case 'go':
      return { ...state, at: Math.min(last, Math.max(0, step.to)) };
    case 'accept':
      return output === null ? state : marked(state, { kind: 'accepted', output });
    case 'give':
      return marked(state, { kind: short(step.output) === short(output ?? undefined) ? 'accepted' : 'corrected', output: step.output });
    case 'skip':
      return marked(state, { kind: 'skipped', output: null });
    case 'undo': {
      const before = state.past.at(-1);
      if (!before) return state;
      return { at: before.at, marks: state.marks.with(before.at, before.mark), past: state.past.slice(0, -1) };
    }
  }
}

/** Marks the row and goes to the next that has no mark; stays where there is none. */
function marked(state: Labelling, mark: Mark): Labelling {
  const { at, marks } = state;
  const now = marks.with(at, mark);
  const after = now.findIndex((one, place) => place > at && one === null);
  const before = now.indexOf(null);
  return { at: after >= 0 ? after : before >= 0 ? before : at, marks: now, past: [...state.past, { at, mark: marks[at] ?? null }] };
}

/** What a key asks for, while nothing is being written. */
export function stepOf(key: string, labels: readonly string[]): Step | 'edit' | null {
  switch (key) {
    case 'ArrowDown':
    case 'ArrowRight':
    case 'j':
      return { do: 'move', by: 1 };
    case 'ArrowUp':
    case 'ArrowLeft':
    case 'k':
      return { do: 'move', by: -1 };
    case 'Enter':
      return { do: 'accept' };
    case 'e':
      return 'edit';
    case 'x':
      return { do: 'skip' };
    case 'u':
      return { do: 'undo' };
  }
  const label = /^[1-9]$/.test(key) ? labels[Number(key) - 1] : undefined;
  return label === undefined ? null : { do: 'give', output: label };
}

export function tally(marks: (Mark | null)[]): Record<Mark['kind'] | 'open', number> {
  const all = { accepted: 0, corrected: 0, skipped: 0, open: 0 };
  for (const mark of marks) all[mark?.kind ?? 'open'] += 1;
  return all;
}

/** Rows whose label is another than before: what they are labelled with now, null for no label of this sitting. */
export function changed(before: Labelling, after: Labelling): { at: number; output: Json | null }[] {
  const label = (mark: Mark | null | undefined) => (mark && mark.kind !== 'skipped' ? mark.output : null);
  return after.marks.flatMap((mark, at) => {
    if (mark === before.marks[at]) return [];
    const [was, is] = [label(before.marks[at]), label(mark)];
    return was === null && is === null ? [] : [{ at, output: is }];
  });
}
