import { expect, test } from 'vitest';
import { paretoLine } from './pareto';

const point = (candidate: string, takes: number, quality: number) => ({ candidate, takes, quality });
const names = (...points: ReturnType<typeof point>[]) => paretoLine(points).map((one) => one.candidate).join('');

test('only what nothing beats in both is on the line, cheapest first', () => {
  expect(names(point('c', 30, 0.9), point('a', 10, 0.7), point('b', 20, 0.8), point('d', 40, 0.85))).toBe('abc');
});

test('of those that take as much, the best; of those as good, the cheapest', () => {
  expect(names(point('a', 10, 0.7), point('b', 10, 0.8), point('c', 20, 0.8))).toBe('b');
});

test('one or none', () => {
  expect(names(point('a', 1, 0))).toBe('a');
  expect(paretoLine([])).toEqual([]);
});
