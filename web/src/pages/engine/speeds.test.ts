import { expect, test } from 'vitest';
import type { EngineModel } from '../../api/types';
import { further, line, SHOWN } from './speeds';

const model = (read: number, written: number) => ({ name: 'm', read_tokens: read, written_tokens: written }) as EngineModel;

test('speeds are what was done since the last look', () => {
  expect(further([], model(100, 10), model(300, 40), 2, 5000)).toEqual([{ at: 5000, read: 100, written: 15 }]);
});

test('the first look, and a model loaded anew, have no speed', () => {
  expect(further([], undefined, model(300, 40), 1, 0)).toEqual([]);
  expect(further([{ at: 0, read: 1, written: 1 }], model(300, 40), model(0, 5), 1, 1000)).toEqual([]);
  expect(further([], model(1, 1), model(2, 2), 0, 0)).toEqual([]);
});

test('only the last minute is kept', () => {
  const old = { at: 0, read: 1, written: 1 };
  expect(further([old], model(0, 0), model(0, 0), 1, SHOWN * 1000)).toHaveLength(1);
});

test('a line ends at the right edge and stays in its box', () => {
  expect(line([0, 10], 10)).toBe('98.31,98.00 100.00,2.00');
  expect(line([0], 0)).toBe('100.00,98.00');
  expect(line([], 5)).toBe('');
});
