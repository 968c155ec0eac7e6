import type { Changes, Constraints, Json, Schema, Task } from '../../api/tasks';

/** How the form of an answer is written. */
export type OutputKind = 'labels' | 'short' | 'schema';

/** A task as its form shows it: texts that people write, in the shapes of the file's keys. */
export interface FormValues {
  description: string;
  input: { name: string; description: string; optional: boolean }[];
  outputKind: OutputKind;
  labels: string;
  short: string;
  schema: string;
  instructions: string;
  examples: { input: Record<string, string>; output: string }[];
  metric: string;
  knowledge_base: string;
  policy: { data: string; market: string; allow: string[]; label: string };
  constraints: { latency_p95: string; cost_per_1000: string; memory: string; order: string[] };
  judge: { rubric: string; model: string; scale: string; graded: string };
  similarity: string;
  costs: { wrong: string; abstain: string; of: { expected: string; answer: string; cost: string }[] };
}

/** The metrics a file may name; those with a value after a colon end with one. */
export const metrics = ['exact', 'accuracy', 'costs', 'fields', 'number:', 'contains', 'rouge-l', 'chrf', 'regex:', 'similarity', 'citations', 'judge', 'judge-pairwise'] as const;
export const needs = ['cost', 'latency', 'memory'] as const;
export const sensitivities = ['public', 'internal', 'personal', 'secret'] as const;
export const markets = ['2c', '2b', 'government', 'abroad'] as const;
export const places = ['local', 'cn', 'other'] as const;

/** Labels of a schema that is nothing but a choice among them. */
export function labelsOf(schema: Schema | undefined): string[] | null {
  const all = schema?.enum;
  return Array.isArray(all) && all.length > 0 && all.every((one) => typeof one === 'string') ? (all as string[]) : null;
}

/** The short form that a schema came from; undefined if it can only be said as a schema. */
export function shortForm(schema: Schema): Json | undefined {
  const labels = labelsOf(schema);
  if (labels) return labels.length > 1 && only(schema, ['type', 'enum']) ? labels : undefined;
  if (schema.type === 'array' && schema.items) {
    if (!only(schema, ['type', 'items', 'description'])) return undefined;
    const item = shortForm(schema.items);
    if (typeof item === 'string' && !item.includes(':') && !item.endsWith('[]')) return said(`${item}[]`, schema);
    return typeof item === 'object' && item !== null && !Array.isArray(item) && !schema.description ? [item] : undefined;
  }
  if (schema.type === 'object') {
    if (!schema.properties || schema.additionalProperties !== false || !only(schema, ['type', 'properties', 'required', 'additionalProperties'])) return undefined;
    const record: Record<string, Json> = {};
    for (const [name, one] of Object.entries(schema.properties)) {
      const form = shortForm(one);
      if (form === undefined) return undefined;
      record[schema.required?.includes(name) ? name : `${name}?`] = form;
    }
    return record;
  }
  const format = schema.format;
  if (schema.type === 'string' && (format === 'date' || format === 'quote')) return only(schema, ['type', 'format', 'description']) ? said(format, schema) : undefined;
  const names: Record<string, string> = { string: 'text', integer: 'integer', number: 'number', boolean: 'boolean' };
  const name = typeof schema.type === 'string' ? names[schema.type] : undefined;
  return name && only(schema, ['type', 'description']) ? said(name, schema) : undefined;
}

function only(schema: Schema, keys: string[]): boolean {
  return Object.keys(schema).every((key) => keys.includes(key));
}

function said(name: string, schema: Schema): string {
  return schema.description ? `${name}: ${schema.description}` : name;
}

/** `text`, `["a", "b"]` or `{...}` as it was typed; a bare type needs no quotes. */
export function readShort(text: string): Json | undefined {
  const clean = text.trim();
  if (clean === '') return undefined;
  if (!/^[[{"]/.test(clean)) return clean;
  try {
    return JSON.parse(clean) as Json;
  } catch {
    return undefined;
  }
}

export function lines(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}

/** A time as files say it. */
export function timeText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '';
  return ms >= 1000 && ms % 100 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** A size as files say it. */
export function sizeText(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return '';
  return bytes % 1e8 === 0 && bytes >= 1e9 ? `${bytes / 1e9}GB` : `${bytes / 1e6}MB`;
}

/** What every template keeps for itself: Field of crates/domain/src/task.rs. */
const taken = ['true', 'True', 'false', 'False', 'none', 'None', 'not'];

/** What stands for a field in instructions: Field::word_of of crates/domain/src/task.rs, for names that are still being typed. */
export function wordOf(name: string): string {
  const signs = name.replace(/[^\p{Alphabetic}0-9０-９_]|[\u{24b6}-\u{24e9}\u{1f130}-\u{1f189}]/gu, '_');
  const begins = (word: string) => !/^[0-9０-９]/.test(word) && !taken.includes(word);
  if (name !== '' && signs === name && begins(name)) return name;
  const word = signs.replace(/_+/g, '_').replace(/^_|_$/g, '') || '_';
  return begins(word) ? word : `_${word}`;
}

/** A field's key in the file: `?` at its end says that a row may come without it, so that those of its name are doubled. */
export function keyOfField(field: FormValues['input'][number]): string {
  const marks = /\?*$/.exec(field.name)?.[0] ?? '';
  return `${field.name}${marks}${field.optional ? '?' : ''}`;
}

const text = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

export function valuesOf(task: Task, source: string): FormValues {
  const labels = labelsOf(task.output);
  const short = shortForm(task.output);
  const asSchema = /^\s*\[?\s*"?output_schema\b/m.test(source) || short === undefined;
  const limits: Constraints = task.constraints;
  const { judging: judge, costs } = task;
  return {
    description: task.description,
    input: task.input.map((field) => ({ ...field })),
    outputKind: asSchema ? 'schema' : labels ? 'labels' : 'short',
    labels: labels?.join('\n') ?? '',
    short: short === undefined ? '' : typeof short === 'string' ? short : JSON.stringify(short, null, 2),
    schema: JSON.stringify(task.output, null, 2),
    instructions: task.instructions,
    examples: task.examples.map((one) => ({ input: Object.fromEntries(Object.entries(one.input).map(([key, value]) => [key, text(value)])), output: text(one.output) })),
    metric: /^\s*metric\s*=/m.test(source) ? task.metric : '',
    knowledge_base: task.knowledge_base ?? '',
    policy: { data: task.policy.data ?? 'internal', market: task.policy.market ?? '', allow: task.policy.allow ?? [], label: task.sensitivity_field ?? '' },
    constraints: {
      latency_p95: timeText(limits.latency_p95_ms),
      cost_per_1000: limits.cost_per_1000 === null || limits.cost_per_1000 === undefined ? '' : String(limits.cost_per_1000),
      memory: sizeText(limits.memory),
      order: limits.order,
    },
    judge: { rubric: judge?.rubric ?? '', model: judge?.model ?? '', scale: judge ? String(judge.scale) : '', graded: judge?.graded ?? '' },
    similarity: task.similarity_model ?? '',
    costs: {
      wrong: costs ? String(costs.wrong) : '',
      abstain: costs?.abstain === undefined ? '' : String(costs.abstain),
      of: (costs?.of ?? []).map((one) => ({ ...one, cost: String(one.cost) })),
    },
  };
}

/** An answer as it was typed: JSON where the task answers in JSON, text where it answers in text. */
export function outputValue(typed: string, schema: Schema | undefined): Json {
  if (schema?.type === 'string') return typed;
  try {
    return JSON.parse(typed) as Json;
  } catch {
    return typed;
  }
}

/** The keys of the file in which two forms differ, with what they are to be. */
export function changesOf(before: FormValues, after: FormValues, schema: Schema | undefined): Changes {
  const changes: Changes = {};
  const differs = (...keys: (keyof FormValues)[]) => keys.some((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  if (differs('description')) changes.description = after.description.trim() || null;
  if (differs('instructions')) changes.instructions = after.instructions;
  if (differs('input')) changes.input = Object.fromEntries(after.input.map((field) => [keyOfField(field), field.description]));
  if (differs('outputKind', after.outputKind)) Object.assign(changes, outputChanges(after));
  if (differs('metric')) changes.metric = after.metric || null;
  if (differs('knowledge_base')) changes.knowledge_base = after.knowledge_base || null;
  // An answer is of the form there will be, not of the one there was.
  const form = after.outputKind === 'labels' ? { type: 'string' } : differs('outputKind', after.outputKind) ? undefined : schema;
  if (differs('examples')) {
    const all = after.examples.map((one) => ({
      input: Object.fromEntries(Object.entries(one.input).filter(([key, value]) => value !== '' && after.input.some((field) => field.name === key))),
      output: outputValue(one.output, form),
    }));
    changes.examples = all.length > 0 ? all : null;
  }
  if (differs('policy')) changes.policy = policyOf(after.policy);
  if (differs('constraints')) changes.constraints = constraintsOf(after.constraints);
  if (differs('judge')) changes.judge = judgeOf(after.judge);
  if (differs('similarity')) changes.similarity = after.similarity.trim() ? { model: after.similarity.trim() } : null;
  if (differs('costs')) changes.costs = costsOf(after.costs);
  return changes;
}

function outputChanges(after: FormValues): Changes {
  if (after.outputKind === 'labels') return { output: lines(after.labels), output_schema: null };
  if (after.outputKind === 'short') return { output: readShort(after.short) ?? after.short, output_schema: null };
  try {
    return { output: null, output_schema: JSON.parse(after.schema) as Json };
  } catch {
    return { output: null, output_schema: after.schema };
  }
}

function policyOf(policy: FormValues['policy']): Json {
  const all: Record<string, Json> = {};
  if (policy.data !== 'internal') all.data = policy.data;
  if (policy.market) all.market = policy.market;
  if (policy.allow.length > 0) all.allow = policy.allow;
  if (policy.label) all.label = policy.label;
  return Object.keys(all).length > 0 ? all : null;
}

function constraintsOf(constraints: FormValues['constraints']): Json {
  const all: Record<string, Json> = {};
  if (constraints.latency_p95.trim()) all.latency_p95 = constraints.latency_p95.trim();
  if (constraints.cost_per_1000.trim()) all.cost_per_1000 = amount(constraints.cost_per_1000);
  if (constraints.memory.trim()) all.memory = constraints.memory.trim();
  if (constraints.order.length > 0) all.order = constraints.order;
  return Object.keys(all).length > 0 ? all : null;
}

function judgeOf(judge: FormValues['judge']): Json {
  const all: Record<string, Json> = {};
  if (judge.rubric.trim()) all.rubric = judge.rubric.trim();
  if (judge.model.trim()) all.model = judge.model.trim();
  if (judge.scale.trim()) all.scale = amount(judge.scale);
  if (judge.graded.trim()) all.graded = judge.graded.trim();
  return Object.keys(all).length > 0 ? all : null;
}

function costsOf(costs: FormValues['costs']): Json {
  const all: Record<string, Json> = {};
  if (costs.wrong.trim()) all.wrong = amount(costs.wrong);
  if (costs.abstain.trim()) all.abstain = amount(costs.abstain);
  if (costs.of.length > 0) all.of = costs.of.map((one) => ({ ...one, cost: amount(one.cost) }));
  return Object.keys(all).length > 0 ? all : null;
}

/** A number as it was typed; what is none is passed on, so that the answer says what is wrong with it. */
function amount(typed: string): Json {
  const clean = typed.trim();
  return clean !== '' && Number.isFinite(Number(clean)) ? Number(clean) : clean;
}
