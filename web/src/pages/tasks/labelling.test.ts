import { expect, test } from 'vitest';
import { begun, changed, stepOf, stepped, tally, type Labelling, type Step } from './labelling';

const labels = ['正面', '负面'];
const outputs = ['正面', null, '负面'];
const after = (state: Labelling, ...steps: Step[]) => steps.reduce((now, step) => stepped(now, outputs, step), state);
const pressed = (state: Labelling, keys: string) =>
  [...keys].reduce((now, key) => {
    const step = stepOf(key === '↵' ? 'Enter' : key, labels);
    return step && step !== 'edit' ? stepped(now, outputs, step) : now;
  }, state);

test('moving stays within the rows', () => {
  expect(pressed(begun(3), 'k').at).toBe(0);
  expect(pressed(begun(3), 'jjjj').at).toBe(2);
  expect(stepOf('ArrowLeft', labels)).toEqual({ do: 'move', by: -1 });
});

test('accepting, correcting and skipping go on to what is open', () => {
  const done = pressed(begun(3), '↵x1');
  expect(done.marks).toEqual([
    { kind: 'accepted', output: '正面' },
    { kind: 'skipped', output: null },
    { kind: 'corrected', output: '正面' },
  ]);
  expect(tally(done.marks)).toEqual({ accepted: 1, corrected: 1, skipped: 1, open: 0 });
  expect(pressed(begun(3), 'jj2').at).toBe(0);
});

test('the label the model gave is accepted, not corrected', () => {
  expect(pressed(begun(3), '1').marks[0]?.kind).toBe('accepted');
});

test('an error cannot be accepted, only labelled or skipped', () => {
  const state = after(begun(3), { do: 'go', to: 1 });
  expect(pressed(state, '↵')).toBe(state);
  expect(pressed(state, '2').marks[1]).toEqual({ kind: 'corrected', output: '负面' });
});

test('undoing brings back what was before, place and mark', () => {
  const once = pressed(begun(3), '↵');
  const again = after(once, { do: 'go', to: 0 }, { do: 'give', output: '负面' });
  expect(again.marks[0]?.output).toBe('负面');
  const back = pressed(again, 'u');
  expect([back.at, back.marks[0]?.output]).toEqual([0, '正面']);
  expect(pressed(back, 'uu')).toEqual(begun(3));
});

test('what is to be saved', () => {
  const start = begun(3);
  const done = pressed(start, '↵');
  expect(changed(start, done)).toEqual([{ at: 0, output: '正面' }]);
  expect(changed(done, pressed(done, 'u'))).toEqual([{ at: 0, output: null }]);
  expect(changed(start, pressed(start, 'x'))).toEqual([]);
});

test('keys without a meaning', () => {
  expect([stepOf('3', labels), stepOf('0', labels), stepOf('q', labels), stepOf('e', labels)]).toEqual([null, null, null, 'edit']);
});
