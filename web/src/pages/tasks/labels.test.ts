import { describe, expect, test } from 'vitest';
import type { LabelledRow, Row, RowChange } from '../../api/tasks';
import { finder, rowChanges, Saver } from './labels';

const row = (text: string): RowChange => ({ input: { text }, output: 'a' });
const settled = () => new Promise((resolve) => setTimeout(resolve));

test('changes are sent in order, those that wait together; what failed stays first', async () => {
  const sent: string[][] = [];
  const told: [number, boolean][] = [];
  let down = false;
  const send = async (_name: string, rows: RowChange[]) => {
    await settled();
    if (down) throw new Error('gone');
    sent.push(rows.map((one) => String(one.input.text)));
    return { added: rows.length, replaced: 0, removed: 0, total: 0 };
  };
  const saver = new Saver('t', (state) => told.push([state.waiting, state.error !== null]), send);
  saver.add([row('1')]);
  saver.add([row('2')]);
  saver.add([row('3')]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sent).toEqual([['1'], ['2', '3']]);
  down = true;
  saver.add([row('4')]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told.at(-1)).toEqual([1, true]);
  down = false;
  saver.add([row('5')]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sent.at(-1)).toEqual(['4', '5']);
  expect(saver.saved).toBe(5);
  expect(told.at(-1)).toEqual([0, false]);
});

describe('a row that is labelled', () => {
  const task = { input: [{ name: 'text', description: '', optional: false }], sensitivity_field: 'how' };
  const plain = { input: task.input };
  const known = (input: Row, tags: string[] = []): LabelledRow => ({ id: JSON.stringify(input), input, output: 'b', tags });

  test('is sent whole, with the label of its sensitivity', () => {
    expect(rowChanges(task, { text: '1', how: 'secret' }, 'a', undefined)).toEqual([{ input: { text: '1', how: 'secret' }, output: 'a' }]);
    expect(rowChanges(task, { text: '1', how: 'secret' }, null, undefined)).toEqual([{ input: { text: '1', how: 'secret' }, output: null }]);
  });

  test('is what it was before where nothing is said, tags and all', () => {
    const earlier = known({ text: '1' }, ['hard']);
    expect(rowChanges(plain, { text: '1' }, 'a', earlier)).toEqual([{ input: { text: '1' }, output: 'a', tags: ['hard'] }]);
    expect(rowChanges(plain, { text: '1' }, null, earlier)).toEqual([{ input: { text: '1' }, output: 'b', tags: ['hard'] }]);
  });

  test('is found by its inputs, the very same first', () => {
    const rows = [known({ text: '1' }), known({ text: '1', how: 'secret' }), known({ text: '2', how: 'public' })];
    const find = finder(task, rows);
    expect([find({ text: '1' }), find({ how: 'secret', text: '1' }), find({ text: '2' }), find({ text: '3' })]).toEqual([rows[0], rows[1], rows[2], undefined]);
    expect(finder(plain, rows)({ text: '2' })).toBeUndefined();
  });

  test('without a label of its own, it keeps the one it had', () => {
    const earlier = known({ text: '1', how: 'secret' });
    expect(rowChanges(task, { text: '1' }, 'a', earlier)).toEqual([{ input: { text: '1', how: 'secret' }, output: 'a' }]);
    expect(rowChanges(task, { text: '1' }, null, earlier)).toEqual([{ input: { text: '1', how: 'secret' }, output: 'b' }]);
  });

  test('with another label, it takes the place of the earlier row; undoing brings that back', () => {
    const earlier = known({ text: '1' }, ['hard']);
    const row = { text: '1', how: 'secret' };
    expect(rowChanges(task, row, 'a', earlier)).toEqual([
      { input: { text: '1' }, output: null, tags: ['hard'] },
      { input: row, output: 'a', tags: ['hard'] },
    ]);
    expect(rowChanges(task, row, null, earlier)).toEqual([
      { input: row, output: null },
      { input: { text: '1' }, output: 'b', tags: ['hard'] },
    ]);
  });
});
