import { put, upload } from './client';

/** A value of JSON, whatever it is. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Row = Record<string, Json>;

export interface TaskField {
  name: string;
  description: string;
  optional: boolean;
}

export interface TaskExample {
  input: Row;
  output: Json;
}

/** The parts of JSON Schema that the pages look into. */
export interface Schema {
  type?: string | string[];
  enum?: Json[];
  format?: string;
  description?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  [key: string]: unknown;
}

export type Need = 'cost' | 'latency' | 'memory';

export interface Constraints {
  latency_p95_ms?: number | null;
  cost_per_1000?: number | null;
  memory?: number | null;
  order: Need[];
}

export interface Policy {
  data?: string;
  market?: string | null;
  allow?: string[] | null;
}

export interface Task {
  name: string;
  description: string;
  input: TaskField[];
  output: Schema;
  instructions: string;
  examples: TaskExample[];
  metric: string;
  knowledge_base?: string | null;
  policy: Policy;
  /** The field that says how sensitive a row is; it need be none of the inputs. */
  sensitivity_field?: string | null;
  constraints: Constraints;
  costs?: Costs;
  judging?: Judging;
  similarity_model?: string;
}

/** What wrong labels cost, and no label. */
export interface Costs {
  wrong: number;
  abstain?: number;
  of?: { expected: string; answer: string; cost: number }[];
}

/** How a model grades answers. */
export interface Judging {
  rubric: string;
  model?: string;
  scale: number;
  graded?: string;
}

/** Something wrong in a task's file. */
export interface FileProblem {
  line: number;
  column: number;
  key: string;
  message: string;
}

export type ChoosingState = 'running' | 'stopped' | 'failed' | 'done';

export interface TaskInfo {
  name: string;
  path: string;
  task: Task | null;
  problems: FileProblem[];
  decision: { file?: string; date: string; chosen: string | null; why: string; not_ruled_out: string[] } | null;
  labelled: number;
  choosing: ChoosingState | null;
}

export interface TaskFile extends TaskInfo {
  source: string;
}

export interface Template {
  name: string;
  description: { en: string; zh: string };
}

export interface LabelledRow {
  id: string;
  input: Row;
  output: Json;
  tags?: string[];
}

/** A row of labelled data as it is sent; without an output it is taken out. */
export interface RowChange {
  input: Row;
  output: Json;
  tags?: string[];
}

export interface DataReport {
  examples: number;
  fingerprint: string;
  wrong: [number, string][];
  labels: Record<string, number>;
  twins: [number, number, number][];
  contradictions: [number, number][];
  /** Rows that are the task's own examples, or nearly. */
  shown: number[];
  /** Conversations of which only the last exchange is read. */
  unread: number;
  gaps: { labels: string[]; fields: string[] };
  characters: [number, number];
}

export interface Rows {
  rows: LabelledRow[];
  total: number;
  report: DataReport | null;
}

export interface Uploaded {
  added: number;
  replaced: number;
  wrong: [number, string][];
  total: number;
  /** Conversations of which only the last exchange is read. */
  unread: number;
}

/** What a file holds for a task: rows it can be run on, and the others with why. */
export interface TableRows {
  rows: Row[];
  wrong: [number, string][];
}

export interface RowAnswer {
  row: number;
  output?: Json;
  error?: string;
  /** Why no label was given, as the task's costs say. */
  abstained?: string;
  milliseconds?: number;
  probability?: number;
}

/** An answer on which a reader finds why there is none, whichever kind of none it is. */
export function plain<T extends { error?: string; abstained?: string }>(answer: T): T {
  return answer.abstained === undefined ? answer : { ...answer, error: answer.abstained };
}

export interface RunAnswers {
  candidate: string;
  rows: RowAnswer[];
}

export interface Interval {
  value: number;
  low: number | null;
  high: number | null;
}

export interface Confusion {
  labels: string[];
  /** A row for each expected label; the last column is for no label. */
  counts: number[][];
}

export interface Measured {
  examples: number;
  failed: number;
  /** Why, most often. */
  failure?: string;
  /** Rows for which no label was likely enough, as the task's costs say. */
  abstained?: number;
  quality: Interval;
  latency_p50_ms: number;
  /** Without an upper end where there are too few examples to tell. */
  latency_p95_ms: Interval;
  prompt_tokens: number;
  completion_tokens: number;
  cost_per_1000: number;
  macro_f1: number | null;
  confusion: Confusion | null;
  /** The mean score of each field; tasks that answer with records only. */
  fields?: Record<string, number> | null;
}

export interface Against {
  difference: { interval: Interval; p: number; needed: number | null };
  p: number;
}

export interface Entrant {
  candidate: string;
  memory: number;
  race: { examples: number; mean: number; beaten_by: string | null; failed?: number; failure?: string } | null;
  withdrawn: string | null;
  result: Measured | null;
  against: Against | null;
  breaks: Need[];
}

export interface Decision {
  task: string;
  date: string;
  version: string;
  metric: string;
  constraints: Constraints;
  seed: number;
  terms: { confidence: number; spend: number; finalists: number };
  concurrency: number;
  data: { file: string; examples: number; wrong: number; train: number; development: number; test: number };
  candidates: Entrant[];
  chosen: string | null;
  reason?: string;
  why: string;
  not_ruled_out: string[];
  examples_to_settle: number | null;
  /** Labelled rows in all that have so many among them. */
  rows_to_settle?: number | null;
  /** What one answer for every row comes to; tasks of labels, and of records that have some. */
  baseline?: { answer: string; quality: number; p: number | null };
  asked: number;
  grid: number;
  seconds: number;
  cost: number;
}

export interface DecisionInfo {
  id: string;
  date: string;
  chosen: string | null;
  why: string;
  metric: string;
  examples: number;
}

export type RacerState = 'waiting' | 'preparing' | 'racing' | 'dropped' | 'withdrawn' | 'final' | 'out';

export interface Racer {
  candidate: string;
  state: RacerState;
  examples: number;
  mean: number | null;
  by: string | null;
  why: string | null;
  milliseconds: number | null;
}

export interface Choice {
  task: string;
  state: 'idle' | 'running' | 'done' | 'failed' | 'stopped';
  parts: { train: number; development: number; test: number } | null;
  candidates: Racer[];
  asked: number;
  most: number;
  graded: number;
  seconds: number;
  seconds_left: number | null;
  error: string | null;
  /** What it was begun with, sent as it is to go on; null if there is nothing to go on with, or nobody knows. */
  terms: ChoiceTerms | null;
  decision: string | null;
}

/** What a choice is begun with: limits, models, ways. */
export type ChoiceTerms = Record<string, Json>;

export interface OutputRow {
  input: Row;
  expected: Json;
  tags?: string[];
  part: 'development' | 'test';
  answers: Record<string, { output?: Json; error?: string; abstained?: string; score?: number | null; milliseconds?: number }>;
}

const query = (id: string | null) => (id === null ? '' : `?id=${encodeURIComponent(id)}`);

/** A template as it was fitted to a table. */
export interface Fitted {
  /** The template's field, and the column it is called after. */
  input: [string, string] | null;
  labels: { field: string | null; labels: string[]; left_out: string[] }[];
  examples_left_out: number;
  lines_left_out: number;
}

export interface Begun extends TaskFile {
  fitted: Fitted;
  rows: Uploaded;
}

export const at = {
  all: '/v1/tasks',
  task: (name: string): string => `/v1/tasks/${encodeURIComponent(name)}`,
  rows: (name: string, after: number, limit: number) => `${at.task(name)}/rows?after=${after}&limit=${limit}`,
  read: (name: string, file: string) => `${at.task(name)}/read?file=${encodeURIComponent(file)}`,
  upload: (name: string, file: string, label: string) =>
    `${at.task(name)}/upload?file=${encodeURIComponent(file)}${label ? `&label=${encodeURIComponent(label)}` : ''}`,
  begin: (name: string, asked: { template: string; language: string; file: string; label: string; input: string }) =>
    `${at.task(name)}/begin?${new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== '')).toString()}`,
  decision: (name: string, id: string | null) => `${at.task(name)}/decision${query(id)}`,
  outputs: (name: string, id: string | null) => `${at.task(name)}/outputs${query(id)}`,
  report: (name: string, id: string | null) => `${at.task(name)}/report${query(id)}`,
};

/** Changes to keys of a task's file; null takes one out. */
export type Changes = Record<string, Json>;

/** What the file would be, and what is wrong with it; nothing is written. */
export function tried(name: string, change: { source: string } | { set: Changes }, signal?: AbortSignal): Promise<TaskFile> {
  return put<TaskFile>(at.task(name), { ...change, dry_run: true }, signal);
}

export function saved(name: string, change: { source: string } | { set: Changes }): Promise<TaskFile> {
  return put<TaskFile>(at.task(name), change);
}

/** Has the server read a file for a task; nothing is kept of it. */
export function readTable(name: string, file: File): Promise<TableRows> {
  return upload<TableRows>(at.read(name, file.name), new Blob([file], { type: 'application/octet-stream' }));
}

/** A decision's name, from the file it is kept in. */
export function decisionId(file: string | undefined): string | null {
  return file ? (file.split('/').pop() ?? '').replace(/\.json$/, '') : null;
}
