import { expect, test } from 'vitest';
import { difference } from './diff';

const shown = (one: string, other: string) => difference(one, other).map((parts) => parts.map(({ text, same }) => (same ? text : `[${text}]`)).join(''));

test('words of Latin are whole', () => {
  expect(shown('a fine day', 'a fair day')).toEqual(['a [fine] day', 'a [fair] day']);
});

test('Han characters are compared one by one', () => {
  expect(shown('质量很好', '质量不好')).toEqual(['质量[很]好', '质量[不]好']);
});

test('what is only there', () => {
  expect(shown('', '新')).toEqual(['', '[新]']);
  expect(shown('ab cd', 'cd')).toEqual(['[ab ]cd', 'cd']);
});

test('the same', () => {
  expect(shown('{"a":1}', '{"a":1}')).toEqual(['{"a":1}', '{"a":1}']);
});

test('in the middle, several', () => {
  expect(shown('one two three four', 'one 2 three 4')).toEqual(['one [two] three [four]', 'one [2] three [4]']);
});

test('texts too long to compare are marked as a whole', () => {
  const [a] = difference('x '.repeat(3000), 'y');
  expect(a).toHaveLength(1);
  expect(a[0]?.same).toBe(false);
});
