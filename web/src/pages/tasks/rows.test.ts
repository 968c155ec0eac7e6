import { describe, expect, test } from 'vitest';
import { cellsOf, columnsOf, keyOf, labelField, parseRows, readerOf } from './rows';

const field = (name: string, optional = false) => ({ name, description: '', optional });
const text = { input: [field('text')] };
const two = { input: [field('text'), field('shop', true)] };
const pair = { input: [field('text'), field('question')] };

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

describe('the label of how sensitive a row is', () => {
  const labelled = { ...text, sensitivity_field: 'how' };

  test('is a column after the inputs, unless it is one of them', () => {
    expect(columnsOf(labelled).map(({ name, optional }) => [name, optional])).toEqual([['text', false], ['how', true]]);
    const own = { input: [field('text'), field('how', true)], sensitivity_field: 'how' };
    expect([labelField(labelled), labelField(own), labelField(text), labelField({ ...text, sensitivity_field: null })]).toEqual(['how', null, null, null]);
    expect(columnsOf(own)).toBe(own.input);
    expect(parseRows('text,how\na,secret\n', own).rows).toEqual([{ text: 'a', how: 'secret' }]);
  });

  test.each([
    ['a table', 'id,how,text\n1,secret,a\n2,,b\n'],
    ['a table between tabs', 'text\thow\na\tsecret\nb\t'],
    ['JSON lines', '{"text":"a","how":"secret","id":1}\n{"text":"b","how":null}'],
    ['a JSON list', '[{"text":"a","how":"secret"},{"text":"b","how":""}]'],
    ['labelled rows', '{"input":{"text":"a","how":"secret"},"output":"x"}\n{"input":{"text":"b"},"output":"y"}'],
  ])('stays with the row in %s', (_kind, pasted) => {
    expect(parseRows(pasted, labelled)).toMatchObject({ problems: [], rows: [{ text: 'a', how: 'secret' }, { text: 'b' }] });
    expect(parseRows(pasted, labelled).rows[1]).toEqual({ text: 'b' });
    expect(parseRows(pasted, text).rows).toEqual([{ text: 'a' }, { text: 'b' }]);
  });

  test('what is no label stays, for the server to refuse', () => {
    expect(parseRows('text,how\na,Secret \n', labelled).rows).toEqual([{ text: 'a', how: 'Secret ' }]);
  });

  test('is no input: a line is still a row, and a row needs the inputs', () => {
    expect(parseRows('a\nb', labelled)).toEqual({ format: 'lines', problems: [], rows: [{ text: 'a' }, { text: 'b' }] });
    expect(parseRows('a\nb', { input: [field('text', true)], sensitivity_field: 'how' }).format).toBe('lines');
    expect(parseRows('{"how":"secret"}', labelled)).toMatchObject({ rows: [], problems: [{ kind: 'field', value: 'text' }] });
  });
});

test.each([
  ['reviews.xlsx', 'server'],
  ['评价.XLSX', 'server'],
  ['a.csv', 'server'],
  ['a.b.ndjson', 'server'],
  ['notes.txt', 'page'],
  ['reviews.xls', null],
  ['reviews.csv.pdf', null],
  ['xlsx', null],
])('who reads %s', (name, reader) => expect(readerOf(name)).toBe(reader));

test('cells', () => {
  expect([...cellsOf('a,"b,c",\n,x', ',')]).toEqual([['a', 'b,c', ''], ['', 'x']]);
});

test('the same row in another order is the same row', () => {
  expect(keyOf({ a: 1, b: { y: 1, x: [2] } })).toBe(keyOf({ b: { x: [2], y: 1 }, a: 1 }));
  expect(keyOf({ a: 1 })).not.toBe(keyOf({ a: '1' }));
});
