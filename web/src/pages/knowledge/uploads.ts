import { path, upload } from '../../api/client';
import type { Accepted } from '../../api/types';
import { Store } from '../../lib/store';
import { batches, type Named } from './files';

/** What is being sent to one knowledge base, and what was not taken. */
export interface Upload {
  done: number;
  total: number;
  running: boolean;
  rejected: Accepted['rejected'];
  /** Why the rest was not sent. */
  error: unknown;
}

/** By knowledge base; sending goes on when another page is looked at. */
export const uploads = new Store<Record<string, Upload>>({});
const queues = new Map<string, Named[]>();

function change(base: string, next: (old: Upload) => Partial<Upload>): void {
  const old = uploads.get()[base] ?? { done: 0, total: 0, running: false, rejected: [], error: null };
  uploads.set({ ...uploads.get(), [base]: { ...old, ...next(old) } });
}

/** Sends files after those already waiting; `sent` is called after each batch. */
export async function send(base: string, files: Named[], sent: () => void): Promise<void> {
  if (files.length === 0) return;
  const waiting = queues.get(base);
  if (waiting) {
    waiting.push(...files);
    change(base, (old) => ({ total: old.total + files.length }));
    return;
  }
  let queue = files;
  change(base, () => ({ done: 0, total: files.length, running: true, rejected: [], error: null }));
  try {
    while (queue.length > 0) {
      const later: Named[] = [];
      queues.set(base, later);
      for (const batch of batches(queue)) {
        const form = new FormData();
        for (const { file, name } of batch) form.append('files', file, name);
        const { rejected } = await upload<Accepted>(path.documents(base), form);
        change(base, (old) => ({ done: old.done + batch.length, rejected: [...old.rejected, ...rejected] }));
        sent();
      }
      queue = later;
    }
  } catch (error) {
    change(base, () => ({ error }));
  } finally {
    queues.delete(base);
    change(base, () => ({ running: false }));
  }
}

/** Tells of files that were not sent at all: what was dropped could not be read. */
export function refuse(base: string, error: unknown): void {
  change(base, () => ({ error }));
}

export type Failed = Accepted['rejected'][number];

/** Failures that were read and put away, by knowledge base; the rows of their documents stay. */
export const dismissed = new Store<Record<string, string[]>>({});
const mark = ({ name, error }: Failed) => `${name}\n${error}`;

/** What was not taken here and what the server could not read, in this batch or an earlier one: each file once, without what was put away. */
export function failuresOf(upload: Upload | undefined, failed: Failed[] | undefined, away: string[] | undefined): Failed[] {
  const known = new Map<string, Failed>();
  for (const one of [...(upload?.rejected ?? []), ...(failed ?? [])]) {
    if (!away?.includes(mark(one))) known.set(one.name, one);
  }
  return [...known.values()];
}

/** Puts away what is shown about files that were not added. */
export function dismiss(base: string, shown: Failed[]): void {
  dismissed.set({ ...dismissed.get(), [base]: [...(dismissed.get()[base] ?? []), ...shown.map(mark)] });
  if (uploads.get()[base]?.running) return;
  const { [base]: _gone, ...others } = uploads.get();
  uploads.set(others);
}
