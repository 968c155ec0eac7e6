import { afterEach, expect, test } from 'vitest';
import { dismiss, dismissed, failuresOf, uploads, type Upload } from './uploads';

const upload = (rejected: Upload['rejected'], running = false): Upload => ({ done: 0, total: 1, running, rejected, error: null });
const a = { name: 'a.pdf', error: 'it is encrypted' };
const b = { name: 'b.zip', error: 'it is an archive' };

afterEach(() => {
  uploads.set({});
  dismissed.set({});
});

test('failures of every batch are shown, each file once, without an upload of this page too', () => {
  expect(failuresOf(undefined, [a, b], undefined)).toEqual([a, b]);
  expect(failuresOf(upload([a]), [b, { ...a, error: 'newer' }], undefined)).toEqual([{ ...a, error: 'newer' }, b]);
  expect(failuresOf(undefined, undefined, undefined)).toEqual([]);
});

test('what was put away stays away, what is new comes', () => {
  uploads.set({ base: upload([a]) });
  dismiss('base', failuresOf(uploads.get().base, [], undefined));
  expect(uploads.get()).toEqual({});
  expect(failuresOf(undefined, [a, b], dismissed.get().base)).toEqual([b]);
  expect(failuresOf(undefined, [{ ...a, error: 'damaged' }], dismissed.get().base)).toHaveLength(1);
});

test('putting failures away does not hide an upload that goes on', () => {
  uploads.set({ base: upload([a], true) });
  dismiss('base', [a]);
  expect(uploads.get().base?.running).toBe(true);
});
