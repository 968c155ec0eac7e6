import { expect, test } from 'vitest';
import type { RowChange } from '../../api/tasks';
import { Saver } from './labels';

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
