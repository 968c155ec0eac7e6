import { expect, test } from 'vitest';
import type { Logprobs } from '../../api/types';
import { bytesOf, firstChoices, join, restOf, written } from './tokens';

const tokens = (...texts: string[]) => texts.map((text) => ({ text }));

test('bytes of a token', () => {
  expect(bytesOf('a好')).toEqual([0x61, 0xe5, 0xa5, 0xbd]);
  expect(bytesOf('bytes:\\xe4\\xbd')).toEqual([0xe4, 0xbd]);
  // A text that only looks a little like it is text.
  expect(bytesOf('bytes:x')).toEqual(Array.from(new TextEncoder().encode('bytes:x')));
});

test('tokens that are parts of a character join to it', () => {
  expect(join(tokens('我', 'bytes:\\xe6\\x9c', 'bytes:\\x8b', '友'))).toEqual({ text: '我朋友', whole: 4 });
  expect(join(tokens('bytes:\\xf0\\x9f', 'bytes:\\x98\\x80'))).toEqual({ text: '😀', whole: 2 });
});

test('a character that is not finished is left out', () => {
  expect(join(tokens('我', 'bytes:\\xe6\\x9c'))).toEqual({ text: '我', whole: 1 });
  expect(join([])).toEqual({ text: '', whole: 0 });
});

const logprobs: Logprobs = {
  tokens: [' b', ' c'],
  token_logprobs: [Math.log(0.5), Math.log(0.25)],
  top_logprobs: [{ ' a': Math.log(0.3), ' b': Math.log(0.5) }, null],
  text_offset: [0, 2],
};

test('choices come likeliest first, as probabilities', () => {
  const choices = firstChoices(logprobs);
  expect(choices.map((choice) => choice.text)).toEqual([' b', ' a']);
  expect(choices[0]?.share).toBeCloseTo(0.5);
  expect(restOf(choices)).toBeCloseTo(0.2);
  expect(firstChoices(null)).toEqual([]);
});

test('what is left is never negative', () => {
  expect(restOf([{ text: 'a', share: 0.7 }, { text: 'b', share: 0.31 }])).toBe(0);
});

test('every written token has its rivals', () => {
  const all = written(logprobs);
  expect(all.map((token) => [token.text, token.rivals.length])).toEqual([[' b', 2], [' c', 0]]);
  expect(all[1]?.share).toBeCloseTo(0.25);
});
