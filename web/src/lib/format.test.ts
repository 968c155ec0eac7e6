import { expect, test } from 'vitest';
import { bytes, count, duration, languageNames, parameters, percent, remaining, share } from './format';

test('sizes', () => {
  expect([0, 999, 1000, 397_800_000, 1_117_320_768, 999_999].map((n) => bytes(n, 'en'))).toEqual(['0 B', '999 B', '1 kB', '398 MB', '1.1 GB', '1 MB']);
  expect(bytes(12_340, 'zh')).toBe('12.3 kB');
});

test('counts and parameters', () => {
  expect(count(8121, 'en')).toBe('8,121');
  expect([494_032_768, 1_543_714_304, 22_713_216].map((n) => parameters(n, 'en'))).toEqual(['494 M', '1.54 B', '22.7 M']);
});

test('probabilities keep their figures however small', () => {
  expect([1, 0.234, 0.0123, 0.00012].map((p) => percent(p, 'en'))).toEqual(['100.0%', '23.4%', '1.23%', '0.012%']);
});

test('only all of it is 100%', () => {
  expect([0, 0.5, 0.999, 1, 1.2].map((p) => share(p, 'en'))).toEqual(['0%', '50%', '99%', '100%', '100%']);
});

test('durations', () => {
  expect([3.6, 870, 3440, 59_900, 125_000].map((ms) => duration(ms, 'en'))).toEqual(['4 ms', '870 ms', '3.4 s', '59.9 s', '2 min 5 s']);
  // A unit is never as full as the next one.
  expect([999.7, 59_970, 119_900, 179_999].map((ms) => duration(ms, 'en'))).toEqual(['1 s', '1 min 0 s', '2 min 0 s', '3 min 0 s']);
});

test('a wait is told in whole seconds', () => {
  expect([0, 13_400, 60_500].map((ms) => remaining(ms, 'en'))).toEqual(['1 s', '14 s', '1 min 1 s']);
});

test('languages by name', () => {
  expect(languageNames(['zh', 'en', 'multilingual'], 'en', 'many others')).toBe('Chinese, English, many others');
  expect(languageNames(['en', 'mul'], 'zh', '其他多种语言')).toBe('英语、其他多种语言');
  expect(languageNames(['zh', 'en'], 'zh', '')).toBe('中文、英语');
  expect(languageNames(['not a tag!'], 'en', '')).toBe('not a tag!');
});
