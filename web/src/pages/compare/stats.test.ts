import { describe, expect, test } from 'vitest';
import { csv, medianInterval } from './stats';
import { pText, signedSpan, span } from './words';

const upTo = (n: number) => Array.from({ length: n }, (_, at) => n - at);

describe('the median and its interval', () => {
  // Tables of order statistics for 95 %: Conover 1999, A3 with p = 1/2.
  test.each([[6, 1, 6], [10, 2, 9], [20, 6, 15], [30, 10, 21], [60, 22, 39]])('of %i values', (n, low, high) => {
    expect(medianInterval(upTo(n), 0.95)).toEqual({ value: (n + 1) / 2, low, high });
  });

  test('few values have a median, and no interval', () => {
    expect(medianInterval([3, 1, 2], 0.95)).toEqual({ value: 2, low: null, high: null });
    expect(medianInterval([], 0.95)).toBeNull();
  });

  test('many values do not overflow', () => {
    const found = medianInterval(upTo(5000), 0.95);
    expect(found?.low).toBeGreaterThan(2400);
    expect(found?.high).toBeLessThan(2600);
  });
});

test('a table', () => {
  expect(csv([['a', 1.5], ['say "x", 好', null]])).toBe('\uFEFFa,1.5\r\n"say ""x"", 好",\r\n');
});

test('numbers with their intervals', () => {
  expect(span({ value: 0.80833, low: 0.7288, high: 0.8687 }, 'en')).toBe('0.808 (0.729–0.869)');
  expect(signedSpan({ value: 0, low: -0.0508, high: 0.0508 }, 'en')).toBe('0.000 (−0.051 … +0.051)');
  expect([1, 0.5488, 0.0312, 0.00001].map(pText)).toEqual(['1', '0.55', '0.031', '< 0.0001']);
});
