import { describe, expect, test } from 'vitest';
import type { Schema, Task } from '../../api/tasks';
import { changesOf, keyOfField, outputValue, readShort, shortForm, sizeText, timeText, valuesOf, wordOf } from './form';

const task: Task = {
  name: 'polarity', description: '评价是褒是贬', input: [{ name: 'text', description: '评价', optional: false }],
  output: { type: 'string', enum: ['正面', '负面'] }, instructions: '评价：{{ text }}', examples: [{ input: { text: '好' }, output: '正面' }],
  metric: 'accuracy', policy: { data: 'internal' }, constraints: { latency_p95_ms: 2000, memory: 2e9, order: ['cost'] },
};
const values = valuesOf(task, 'output = ["正面", "负面"]\n');

describe('the short form of a schema', () => {
  test.each<[Schema, unknown]>([
    [{ type: 'string' }, 'text'],
    [{ type: 'string', enum: ['a', 'b'] }, ['a', 'b']],
    [{ type: 'integer', description: 'stars' }, 'integer: stars'],
    [{ type: 'array', items: { type: 'string', format: 'date' } }, 'date[]'],
    [
      { type: 'array', items: { type: 'object', properties: { aspect: { type: 'string' }, mood: { type: 'string', enum: ['+', '-'] } }, required: ['aspect'], additionalProperties: false } },
      [{ aspect: 'text', 'mood?': ['+', '-'] }],
    ],
    [{ type: 'integer', minimum: 1 }, undefined],
    [{ type: 'object', properties: { a: { type: 'string', maxLength: 3 } }, required: [], additionalProperties: false }, undefined],
    [{ anyOf: [{ type: 'string' }] }, undefined],
  ])('%j', (schema, form) => expect(shortForm(schema)).toEqual(form));
});

test('what is typed as a short form', () => {
  expect([readShort(' text[] '), readShort('["a","b"]'), readShort('{"a"'), readShort('')]).toEqual(['text[]', ['a', 'b'], undefined, undefined]);
});

test.each([
  ['text', 'text'],
  ['_a__b_', '_a__b_'],
  ['评论', '评论'],
  ['Straße', 'Straße'],
  ['问题１', '问题１'],
  ['Review Text', 'Review_Text'],
  ['评论（内容）', '评论_内容'],
  ['Kunden-Nr.', 'Kunden_Nr'],
  ['text (en)', 'text_en'],
  [' - a -- b__c - ', 'a_b_c'],
  ['2024', '_2024'],
  ['１月', '_１月'],
  ['(2024) sales', '_2024_sales'],
  ['Ⓐ side', 'side'],
  ['👍', '_'],
  ['not', '_not'],
  ['(true)', '_true'],
  ['nothing', 'nothing'],
])('instructions speak of %s as %s', (name, word) => expect(wordOf(name)).toBe(word));

test('the key of a field', () => {
  const key = (name: string, optional: boolean) => keyOfField({ name, description: '', optional });
  expect([key('Review Text', false), key('shop', true), key('So?', false), key('So?', true), key('？', false)]).toEqual(['Review Text', 'shop?', 'So??', 'So???', '？']);
});

test('times and sizes as files say them', () => {
  expect([timeText(800), timeText(2000), timeText(1500), timeText(1234), timeText(null)]).toEqual(['800ms', '2s', '1.5s', '1234ms', '']);
  expect([sizeText(2e9), sizeText(1.5e9), sizeText(512e6), sizeText(undefined)]).toEqual(['2GB', '1.5GB', '512MB', '']);
});

describe('the keys that change', () => {
  test('none where nothing was changed', () => expect(changesOf(values, values, task.output)).toEqual({}));

  test('only those', () => {
    const after = { ...values, description: '', metric: 'exact', labels: '正面\n负面\n中性\n' };
    expect(changesOf(values, after, task.output)).toEqual({ description: null, metric: 'exact', output: ['正面', '负面', '中性'], output_schema: null });
  });

  test('a field that may be left out ends with a question mark', () => {
    const after = { ...values, input: [...values.input, { name: 'shop', description: '店', optional: true }] };
    expect(changesOf(values, after, task.output)).toEqual({ input: { text: '评价', 'shop?': '店' } });
  });

  test('how answers are graded, and what errors cost', () => {
    const of = [{ expected: '负面', answer: '正面', cost: '3' }];
    const after = { ...values, metric: 'judge', judge: { rubric: ' 简短 ', model: '', scale: '2', graded: '' }, similarity: ' e5 ', costs: { wrong: '1', abstain: 'x', of } };
    expect(changesOf(values, after, task.output)).toEqual({
      metric: 'judge', judge: { rubric: '简短', scale: 2 }, similarity: { model: 'e5' }, costs: { wrong: 1, abstain: 'x', of: [{ expected: '负面', answer: '正面', cost: 3 }] },
    });
    const judged = valuesOf({ ...task, judging: { rubric: '简短', scale: 2 }, costs: { wrong: 2, of: [{ expected: '负面', answer: '正面', cost: 3 }] } }, '');
    expect([judged.judge, judged.costs]).toEqual([{ rubric: '简短', model: '', scale: '2', graded: '' }, { wrong: '2', abstain: '', of }]);
    expect(changesOf(judged, values, task.output)).toEqual({ judge: null, costs: null });
  });

  test('a table in which nothing is left goes', () => {
    const after = { ...values, constraints: { latency_p95: ' ', cost_per_1000: '', memory: '', order: [] }, policy: { ...values.policy, data: 'secret', allow: ['local'] } };
    expect(changesOf(values, after, task.output)).toEqual({ constraints: null, policy: { data: 'secret', allow: ['local'] } });
  });

  test('examples of fields that are gone lose them; answers are typed as the task answers', () => {
    const after = { ...values, outputKind: 'short' as const, short: 'integer', examples: [{ input: { text: '好', old: 'x' }, output: '5' }] };
    expect(changesOf(values, after, task.output)).toEqual({ output: 'integer', output_schema: null, examples: [{ input: { text: '好' }, output: 5 }] });
  });
});

test('a file that names a schema is shown as one, and only a metric that is named', () => {
  expect(valuesOf(task, '[output_schema]\ntype = "string"').outputKind).toBe('schema');
  expect(valuesOf(task, 'metric = "accuracy"').metric).toBe('accuracy');
  expect(values).toMatchObject({ metric: '', outputKind: 'labels', constraints: { latency_p95: '2s', memory: '2GB' } });
});

test('an answer as it was typed', () => {
  expect(outputValue('12', { type: 'string' })).toBe('12');
  expect(outputValue('{"a":1}', { type: 'object' })).toEqual({ a: 1 });
  expect(outputValue('not', { type: 'object' })).toBe('not');
});
