import type { Json, Row, TableRows, Task, TaskField } from '../../api/tasks';

/** Endings of files that the server reads: RowFormat of crates/platform/src/run/rows.rs. */
export const TABLE_FILES = '.jsonl,.ndjson,.json,.csv,.tsv,.xlsx';
/** Endings of files whose text is as good as pasted. */
export const TEXT_FILES = '.txt';

/** Who reads a file, by its name: the server a table, the page a text; null for neither. */
export function readerOf(name: string): 'server' | 'page' | null {
  const ends = (endings: string) => endings.split(',').some((ending) => name.toLowerCase().endsWith(ending));
  return ends(TABLE_FILES) ? 'server' : ends(TEXT_FILES) ? 'page' : null;
}

/** A file as the server read it, for the columns that the task had then. */
export interface OpenTable extends TableRows {
  name: string;
  columns: string;
}

/** The same for the same columns. */
export function columnsKey(task: Columns): string {
  return JSON.stringify(columnsOf(task));
}

/** How pasted rows are written. */
export type RowFormat = 'jsonl' | 'json' | 'csv' | 'tsv' | 'lines';

/** Something wrong with what was pasted, by line. */
export interface RowProblem {
  line: number;
  kind: 'json' | 'object' | 'quote' | 'columns' | 'field';
  value: string;
}

export interface Parsed {
  format: RowFormat;
  rows: Row[];
  problems: RowProblem[];
}

/** What of a task says which columns its rows have. */
export type Columns = Pick<Task, 'input' | 'sensitivity_field'>;

/** The field that labels how sensitive a row is, where it is none of the inputs; null if there is none such. */
export function labelField({ input, sensitivity_field: name }: Columns): string | null {
  return name && input.every((field) => field.name !== name) ? name : null;
}

/** The columns of a task's rows: its inputs, then the label of a row's sensitivity if that is none of them. */
export function columnsOf(task: Columns): TaskField[] {
  const label = labelField(task);
  return label === null ? task.input : [...task.input, { name: label, description: '', optional: true }];
}

/** Rows of a text: JSON lines, a JSON list, a table with a head, or one row a line where the task has one field. */
export function parseRows(text: string, task: Columns): Parsed {
  return checked(readRows(text, task.input), task);
}

function readRows(text: string, fields: TaskField[]): Parsed {
  const clean = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  const first = clean.trimStart();
  if (first.startsWith('[')) return fromList(clean);
  if (first.startsWith('{')) return fromLines(clean);
  const separator = headOf(first, fields);
  if (separator !== null) return fromTable(clean, separator);
  const needed = fields.filter((field) => !field.optional);
  const only = needed.length === 1 ? needed[0] : fields.length === 1 ? fields[0] : undefined;
  if (!only) return fromTable(clean, clean.includes('\t') ? '\t' : ',');
  const lines = clean.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return { format: 'lines', rows: lines.map((line) => ({ [only.name]: line })), problems: [] };
}

/** The separator of a table whose head names a field of the task; null if that is no table's head. */
function headOf(text: string, fields: TaskField[]): ',' | '\t' | null {
  const head = text.split('\n', 1)[0] ?? '';
  for (const separator of ['\t', ','] as const) {
    const names = cellsOf(head, separator)[0]?.map((name) => name.trim()) ?? [];
    const known = names.filter((name) => fields.some((field) => field.name === name)).length;
    if (known > 0 && known >= fields.filter((field) => !field.optional).length) return separator;
  }
  return null;
}

function fromList(text: string): Parsed {
  try {
    const all = JSON.parse(text) as Json;
    return { format: 'json', ...objects(Array.isArray(all) ? all.map((value, at) => [at + 1, value]) : [[1, all]]) };
  } catch (error) {
    return { format: 'json', rows: [], problems: [{ line: 1, kind: 'json', value: (error as Error).message }] };
  }
}

function fromLines(text: string): Parsed {
  const values: [number, Json][] = [];
  const problems: RowProblem[] = [];
  text.split('\n').forEach((line, at) => {
    if (line.trim() === '') return;
    try {
      values.push([at + 1, JSON.parse(line) as Json]);
    } catch (error) {
      problems.push({ line: at + 1, kind: 'json', value: (error as Error).message });
    }
  });
  const found = objects(values);
  return { format: 'jsonl', rows: found.rows, problems: [...problems, ...found.problems].sort((a, b) => a.line - b.line) };
}

function objects(values: [number, Json][]): { rows: Row[]; problems: RowProblem[] } {
  const rows: Row[] = [];
  const problems: RowProblem[] = [];
  for (const [line, value] of values) {
    // Labelled rows are rows, too.
    if (isRow(value)) rows.push(isRow(value.input) && Object.keys(value).every((key) => ['input', 'output', 'tags', 'id'].includes(key)) ? value.input : value);
    else problems.push({ line, kind: 'object', value: JSON.stringify(value).slice(0, 80) });
  }
  return { rows, problems };
}

function isRow(value: Json | undefined): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fromTable(text: string, separator: ',' | '\t'): Parsed {
  const format = separator === ',' ? 'csv' : 'tsv';
  const records = cellsOf(text, separator);
  if (records.unclosed !== null) return { format, rows: [], problems: [{ line: records.unclosed, kind: 'quote', value: '' }] };
  const [head = [], ...body] = records;
  const names = head.map((name) => name.trim());
  const rows: Row[] = [];
  const problems: RowProblem[] = [];
  body.forEach((cells, at) => {
    if (cells.every((cell) => cell.trim() === '')) return;
    if (cells.length > names.length) problems.push({ line: records.lines[at + 1] ?? at + 2, kind: 'columns', value: `${cells.length} > ${names.length}` });
    else rows.push(Object.fromEntries(names.map((name, column) => [name, cells[column] ?? ''])));
  });
  return { format, rows, problems };
}

type Records = string[][] & { lines: number[]; unclosed: number | null };

/** The cells of a table by RFC 4180: quotes hold separators and lines, doubled quotes are quotes. */
export function cellsOf(text: string, separator: ',' | '\t'): Records {
  const records: Records = Object.assign([] as string[][], { lines: [] as number[], unclosed: null as number | null });
  let [cells, cell, line, began, quoted]: [string[], string, number, number, number | null] = [[], '', 1, 1, null];
  const end = () => {
    records.push([...cells, cell]);
    records.lines.push(began);
    [cells, cell, began] = [[], '', line + 1];
  };
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charAt(at);
    if (quoted !== null) {
      if (sign !== '"') cell += sign;
      else if (text.charAt(at + 1) === '"') {
        cell += '"';
        at += 1;
      } else quoted = null;
    } else if (sign === '"' && cell === '') quoted = line;
    else if (sign === separator) {
      cells.push(cell);
      cell = '';
    } else if (sign === '\n') end();
    else cell += sign;
    if (sign === '\n') line += 1;
  }
  if (cell !== '' || cells.length > 0) end();
  records.unclosed = quoted;
  return records;
}

/** Rows keep what the task speaks of; one without a field it needs is named. */
function checked(parsed: Parsed, task: Columns): Parsed {
  const columns = columnsOf(task);
  const rows: Row[] = [];
  const problems = [...parsed.problems];
  parsed.rows.forEach((row, at) => {
    const there = columns.filter(({ name }) => row[name] !== undefined && row[name] !== null && row[name] !== '');
    const missing = columns.find((field) => !field.optional && !there.includes(field));
    if (missing) problems.push({ line: at + 1, kind: 'field', value: missing.name });
    else rows.push(Object.fromEntries(there.map(({ name }) => [name, row[name] ?? ''])));
  });
  return { ...parsed, rows, problems };
}

/** A row's fields as one text that is the same for the same fields, in whatever order. */
export function keyOf(row: Row): string {
  const sorted = (value: Json): Json =>
    Array.isArray(value) ? value.map(sorted) : isRow(value) ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key] ?? null)])) : value;
  return JSON.stringify(sorted(row));
}

/** A value on one line. */
export function short(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
