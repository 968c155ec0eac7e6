import { ApiError, errorIn, isAbort, path, postEvents } from '../../api/client';
import type { Answer, ChatChunk, Progress } from '../../api/types';
import { Store } from '../../lib/store';
import { find, foundOf, newId, save, type Conversation, type Exchange, type Found, type Reply } from './conversations';

/** What is going on before and while an answer comes. */
export interface Live {
  exchange: string;
  stage: 'waiting' | 'searching' | 'queued' | 'loading' | 'found' | 'reading' | 'writing';
  text: string;
  ahead: number;
  model: string;
  found: Found[] | null;
  done: number;
  total: number;
  /** Tokens read in a second, once that is known. */
  rate: number | null;
}

/** Answers that are being written, by conversation; they go on when another page is looked at. */
export const live = new Store<Record<string, Live>>({});
const stops = new Map<string, AbortController>();

// A small model can repeat itself for ever; nobody reads more than this.
const LONGEST = 2048;

function set(id: string, change: Partial<Live>): void {
  const old = live.get()[id];
  if (old) live.set({ ...live.get(), [id]: { ...old, ...change } });
}

export function stop(id: string): void {
  stops.get(id)?.abort();
}

/** Asks a model in a conversation; `at` replaces that exchange and all after it. */
export function ask(conversation: Conversation, model: string | null, question: string, at?: number): void {
  if (live.get()[conversation.id]) return;
  const kept = conversation.exchanges.slice(0, at ?? conversation.exchanges.length);
  const exchange: Exchange = { id: newId(), question, reply: null };
  const next = { ...conversation, exchanges: [...kept, exchange], updated: Date.now() };
  save(next);
  void run(next, exchange, model);
}

function blank(base: string | null, model: string | null): Reply {
  return { text: '', model, base, citations: [], dropped: 0, supported: null, found: [], usage: null, timings: null, end: 'done', error: null };
}

async function run(conversation: Conversation, exchange: Exchange, model: string | null): Promise<void> {
  const { id, base } = conversation;
  const control = new AbortController();
  stops.set(id, control);
  const first: Live = {
    exchange: exchange.id,
    stage: base === null ? 'waiting' : 'searching',
    text: '',
    ahead: 0,
    model: model ?? '',
    found: null,
    done: 0,
    total: 0,
    rate: null,
  };
  live.set({ ...live.get(), [id]: first });
  const reply = blank(base, model);
  try {
    if (base === null) await fromModel(conversation, reply, control.signal);
    else await fromDocuments(id, exchange.question, reply, control.signal);
  } catch (error) {
    reply.end = isAbort(error) ? 'stopped' : 'failed';
    // A null message is a server that cannot be reached; it is put into words when shown.
    if (error instanceof ApiError) {
      reply.error = error.message;
      reply.code = error.code;
    }
  }
  const now = live.get()[id];
  if (reply.text === '') reply.text = now?.text ?? '';
  if (reply.found.length === 0) reply.found = now?.found ?? [];
  stops.delete(id);
  const { [id]: _done, ...others } = live.get();
  finish(id, exchange.id, reply);
  live.set(others);
}

function finish(id: string, exchangeId: string, reply: Reply): void {
  const latest = find(id);
  // Deleted while the answer was being written.
  if (!latest) return;
  const exchanges = latest.exchanges.map((one) => (one.id === exchangeId ? { ...one, reply } : one));
  save({ ...latest, exchanges, updated: Date.now() });
}

/** Adds text as it comes, showing it at most once a frame. */
function writer(id: string): (more: string) => void {
  let text = '';
  let waiting = false;
  return (more) => {
    text += more;
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      set(id, { text, stage: 'writing' });
    }, 30);
  };
}

async function fromDocuments(id: string, question: string, reply: Reply, signal: AbortSignal): Promise<void> {
  const write = writer(id);
  const body = { question, stream: true, ...(reply.model === null ? {} : { model: reply.model }) };
  let answered = false;
  const rate = readingRate();
  for await (const { event, data } of postEvents(`${path.base(reply.base ?? '')}/ask`, body, signal)) {
    if (event === 'progress') step(id, JSON.parse(data) as Progress, rate);
    else if (event === 'text') write((JSON.parse(data) as { text: string }).text);
    else if (event === 'error') throw errorIn(data);
    else if (event === 'answer') {
      const answer = JSON.parse(data) as Answer;
      answered = true;
      reply.text = answer.answer;
      reply.citations = answer.citations;
      reply.dropped = answer.dropped;
      reply.supported = answer.supported;
      reply.found = foundOf(answer.hits);
      reply.usage = answer.usage;
      reply.timings = answer.timings;
    }
  }
  if (!answered) throw new TypeError('the stream broke off');
}

async function fromModel(conversation: Conversation, reply: Reply, signal: AbortSignal): Promise<void> {
  const write = writer(conversation.id);
  const messages = conversation.exchanges.flatMap(({ question, reply: earlier }) => [
    { role: 'user', content: question },
    ...(earlier && earlier.text !== '' ? [{ role: 'assistant', content: earlier.text }] : []),
  ]);
  const body = {
    ...(reply.model === null ? {} : { model: reply.model }),
    messages,
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: LONGEST,
  };
  let ended = false;
  for await (const { event, data } of postEvents('/v1/chat/completions', body, signal)) {
    if (data === '[DONE]') break;
    if (event === 'error') throw errorIn(data);
    const chunk = JSON.parse(data) as ChatChunk;
    if (chunk.error) throw errorIn(data);
    if (chunk.usage) reply.usage = chunk.usage;
    const choice = chunk.choices[0];
    if (choice?.delta.content) {
      reply.text += choice.delta.content;
      write(choice.delta.content);
    }
    if (choice?.finish_reason) {
      ended = true;
      if (choice.finish_reason === 'length') reply.end = 'length';
    }
  }
  if (!ended) throw new TypeError('the stream broke off');
}

/** Tokens a second since the first report of reading. */
function readingRate(): (done: number) => number | null {
  let start: { at: number; done: number } | null = null;
  return (done) => {
    const now = performance.now();
    start ??= { at: now, done };
    const passed = now - start.at;
    return passed < 300 || done <= start.done ? null : ((done - start.done) / passed) * 1000;
  };
}

function step(id: string, progress: Progress, rate: (done: number) => number | null): void {
  switch (progress.step) {
    case 'searching':
      return set(id, { stage: 'searching' });
    case 'searched':
      return set(id, { stage: 'found', found: foundOf(progress.hits) });
    case 'queued':
      return set(id, { stage: 'queued', ahead: progress.ahead });
    case 'loading':
      return set(id, { stage: 'loading', model: progress.model });
    case 'prompt': {
      const { done, total } = progress;
      // The last report is the moment the first word is being chosen.
      return set(id, { stage: done >= total ? 'writing' : 'reading', done, total, rate: rate(done) });
    }
    case 'dropped':
      return;
  }
}

if (typeof window !== 'undefined') {
  // What was written so far is kept when the page goes away in the middle of it.
  window.addEventListener('pagehide', () => {
    for (const [id, now] of Object.entries(live.get())) {
      const conversation = find(id);
      if (!conversation || now.text === '') continue;
      const { base, model } = conversation;
      finish(id, now.exchange, { ...blank(base, model), text: now.text, found: now.found ?? [], end: 'stopped' });
    }
  });
}
