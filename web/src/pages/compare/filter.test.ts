import { expect, test } from 'vitest';
import type { OutputRow } from '../../api/tasks';
import { filtered, isWrong, type Filter } from './filter';

type Answers = OutputRow['answers'];
const row = (text: string, a: Answers[string] | null, b: Answers[string] | null, part: OutputRow['part'] = 'test', tags: string[] = []): OutputRow => {
  const answers: Answers = {};
  if (a) answers.a = a;
  if (b) answers.b = b;
  return { input: { text }, expected: '正面', tags, part, answers };
};
const good = { output: '正面', score: 1 };
const bad = { output: '负面', score: 0 };
const rows = [
  row('很好', good, good), row('还行', good, bad, 'test', ['短']), row('一般', bad, bad), row('出错', { error: 'no' }, good), row('只有甲', good, null, 'development'), row('没有', null, null),
];
const names = (filter: Partial<Filter>) => filtered(rows, 'a', 'b', { kind: 'all', tag: '', text: '', part: 'all', ...filter }).map((one) => one.input.text);

test('where they differ, and who is wrong', () => {
  expect(names({})).toEqual(['很好', '还行', '一般', '出错', '只有甲']);
  expect(names({ kind: 'differ' })).toEqual(['还行', '出错']);
  expect(names({ kind: 'oneWrong' })).toEqual(['一般', '出错']);
  expect(names({ kind: 'otherWrong' })).toEqual(['还行', '一般']);
  expect(names({ kind: 'bothWrong' })).toEqual(['一般']);
});

test('by part, tag and text', () => {
  expect(names({ part: 'development' })).toEqual(['只有甲']);
  expect(names({ tag: '短' })).toEqual(['还行']);
  expect(names({ text: '负面' })).toEqual(['还行', '一般']);
});

test('records are the same in any order; half a score is not right', () => {
  const one = { ...row('x', null, null), expected: { p: 1, q: 2 } };
  expect(isWrong(one, { output: { q: 2, p: 1 } })).toBe(false);
  expect(isWrong(one, { output: { q: 2, p: 1 }, score: 0.5 })).toBe(true);
  expect(isWrong(one, undefined)).toBe(false);
});
