import { describe, expect, test } from 'vitest';
import { cellsOf, keyOf, parseRows } from './rows';

const text = [{ name: 'text', description: '', optional: false }];
const two = [...text, { name: 'shop', description: '', optional: true }];
const pair = [...text, { name: 'question', description: '', optional: false }];

describe('pasted rows', () => {
  test('one a line where the task has one field', () => {
    expect(parseRows('很好，下次还买\n\n  用了两天就坏了  \r\nok, fine', text)).toEqual({
      format: 'lines', problems: [], rows: [{ text: '很好，下次还买' }, { text: '用了两天就坏了' }, { text: 'ok, fine' }],
    });
    expect(parseRows('a\nb', two).rows).toEqual([{ text: 'a' }, { text: 'b' }]);
  });

  test('JSON lines, with the line of what is none', () => {
    const parsed = parseRows('{"text":"a"}\n{"text":\n\n[1]\n{"shop":"x"}\n{"input":{"text":"b"},"output":"正面"}', two);
    expect(parsed.format).toBe('jsonl');
    expect(parsed.rows).toEqual([{ text: 'a' }, { text: 'b' }]);
    expect(parsed.problems.map(({ line, kind }) => [line, kind])).toEqual([[2, 'json'], [4, 'object'], [2, 'field']]);
  });

  test('a JSON list', () => {
    expect(parseRows('[{"text":"a"},{"text":"b","more":1}]', text)).toEqual({ format: 'json', problems: [], rows: [{ text: 'a' }, { text: 'b' }] });
    expect(parseRows('[{"text":"a"', text).problems[0]?.kind).toBe('json');
  });

  test('a table with a head; columns the task does not speak of are left out', () => {
    expect(parseRows('id,text\n1,"好，很好\n真的"\n2,"说""行"""\n', text).rows).toEqual([{ text: '好，很好\n真的' }, { text: '说"行"' }]);
    expect(parseRows('text\tshop\na, b\t北京', two)).toEqual({ format: 'tsv', problems: [], rows: [{ text: 'a, b', shop: '北京' }] });
  });

  test('a table that is not sound is named by line', () => {
    expect(parseRows('text,shop\na,b\nc,d,e', two).problems).toEqual([{ line: 3, kind: 'columns', value: '3 > 2' }]);
    expect(parseRows('text,shop\n"a,b\nc', two).problems).toEqual([{ line: 2, kind: 'quote', value: '' }]);
  });

  test('a field that is needed', () => {
    expect(parseRows('text,question\na,\n', pair).problems).toEqual([{ line: 1, kind: 'field', value: 'question' }]);
    expect(parseRows('just words', pair).rows).toEqual([]);
  });

  test('nothing', () => expect(parseRows(' \n ', text).rows).toEqual([]));
});

test('cells', () => {
  expect([...cellsOf('a,"b,c",\n,x', ',')]).toEqual([['a', 'b,c', ''], ['', 'x']]);
});

test('the same row in another order is the same row', () => {
  expect(keyOf({ a: 1, b: { y: 1, x: [2] } })).toBe(keyOf({ b: { x: [2], y: 1 }, a: 1 }));
  expect(keyOf({ a: 1 })).not.toBe(keyOf({ a: '1' }));
});
