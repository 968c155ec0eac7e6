import type { Json, OutputRow } from '../../api/tasks';
import { keyOf, short } from '../tasks/rows';

export const kinds = ['all', 'differ', 'oneWrong', 'otherWrong', 'bothWrong'] as const;
export type Kind = (typeof kinds)[number];

export interface Filter {
  kind: Kind;
  tag: string;
  text: string;
  part: 'all' | 'development' | 'test';
}

type Answer = OutputRow['answers'][string] | undefined;

/** Whether two answers are the same, whatever the order of their keys. */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  return keyOf({ v: a ?? null }) === keyOf({ v: b ?? null });
}

/** A score below 1 is not right; without one, an answer is right if it is what was expected. */
export function isWrong(row: OutputRow, answer: Answer): boolean {
  if (!answer) return false;
  if (answer.error !== undefined) return true;
  return typeof answer.score === 'number' ? answer.score < 1 : !same(answer.output, row.expected);
}

/** The rows that a filter lets through, for two candidates that are compared. */
export function filtered(rows: readonly OutputRow[], one: string, other: string, filter: Filter): OutputRow[] {
  const needle = filter.text.trim().toLowerCase();
  return rows.filter((row) => {
    const [a, b] = [row.answers[one], row.answers[other]];
    if (!a && !b) return false;
    if (filter.part !== 'all' && row.part !== filter.part) return false;
    if (filter.tag !== '' && !row.tags?.includes(filter.tag)) return false;
    if (needle !== '' && ![...Object.values(row.input), row.expected, a?.output, b?.output].some((value) => short(value).toLowerCase().includes(needle))) return false;
    switch (filter.kind) {
      case 'all':
        return true;
      case 'differ':
        return a !== undefined && b !== undefined && (a.error !== b.error || !same(a.output, b.output));
      case 'oneWrong':
        return isWrong(row, a);
      case 'otherWrong':
        return isWrong(row, b);
      case 'bothWrong':
        return isWrong(row, a) && isWrong(row, b);
    }
  });
}
