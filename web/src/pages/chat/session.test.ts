import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { conversations, find, save, type Conversation } from './conversations';
import { ask, live, stop } from './session';

const sent: { path: string; body: Record<string, unknown> }[] = [];
const start: Conversation = { id: 'c', base: 'sample', model: null, exchanges: [], updated: 0 };

function answerWith(make: (signal: AbortSignal) => Response): void {
  vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => undefined });
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    sent.push({ path, body: JSON.parse(String(init.body)) as Record<string, unknown> });
    return Promise.resolve(make(init.signal as AbortSignal));
  });
}

const events = (...list: [string, unknown][]) =>
  new Response(list.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join(''));
const chunks = (...list: unknown[]) => new Response([...list.map((one) => JSON.stringify(one)), '[DONE]'].map((data) => `data: ${data}\n\n`).join(''));
const settled = () => vi.waitFor(() => expect(live.get()).toEqual({}));
const reply = (at = 0) => find('c')?.exchanges[at]?.reply;

beforeEach(() => {
  sent.length = 0;
  conversations.set([]);
  save(start);
});
afterEach(() => vi.unstubAllGlobals());

const hit = { id: 'p', document: 'a.pdf', title: 'A', page: 2, section: 's', span: [0, 4], text: 'long text', score: 1 };
const answer = {
  answer: 'Yes.[1]', citations: [], dropped: 1, supported: true, usage: { prompt_tokens: 5, completion_tokens: 2 }, timings: { search_ms: 1 }, hits: [hit],
};

test('the final answer replaces what was streamed', async () => {
  answerWith(() => events(['progress', { step: 'searched', hits: [hit] }], ['text', { text: 'Yes.[1][9]' }], ['answer', answer]));
  ask(start, 'm', 'Is it?');
  expect(live.get().c?.stage).toBe('searching');
  await settled();
  expect(reply()).toMatchObject({ text: 'Yes.[1]', dropped: 1, end: 'done', model: 'm', base: 'sample' });
  // The passages' text is not kept: the browser has little room.
  expect(reply()?.found).toEqual([{ document: 'a.pdf', title: 'A', page: 2, section: 's', span: [0, 4] }]);
  expect(sent[0]).toEqual({ path: '/v1/knowledge_bases/sample/ask', body: { question: 'Is it?', stream: true, model: 'm' } });
});

test('an error in the stream is kept with what was written before it', async () => {
  answerWith(() => events(['text', { text: 'Half' }], ['error', { error: { message: 'The context is full.', code: 'context_length_exceeded' } }]));
  ask(start, null, 'Is it?');
  await settled();
  expect(reply()).toMatchObject({ end: 'failed', error: 'The context is full.' });
});

test('a stream that breaks off is no answer', async () => {
  answerWith(() => events(['text', { text: 'Half' }]));
  ask(start, null, 'Is it?');
  await settled();
  expect(reply()).toMatchObject({ end: 'failed', error: null });
});

test('stopping keeps what is there', async () => {
  answerWith(
    (signal) =>
      new Response(
        new ReadableStream({
          start(control) {
            control.enqueue(new TextEncoder().encode('event: text\ndata: {"text":"Half"}\n\n'));
            signal.addEventListener('abort', () => control.error(new DOMException('stopped', 'AbortError')));
          },
        }),
      ),
  );
  ask(start, null, 'Is it?');
  await vi.waitFor(() => expect(live.get().c?.text).toBe('Half'));
  stop('c');
  await settled();
  expect(reply()).toMatchObject({ end: 'stopped', text: 'Half', error: null });
});

test('a model is given the whole conversation; a new wording drops what came after it', async () => {
  const said = (text: string, finish = 'stop') => chunks({ choices: [{ delta: { content: text }, finish_reason: null }] }, { choices: [{ delta: {}, finish_reason: finish }] }, { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } });
  answerWith(() => said('one'));
  save({ ...start, base: null });
  ask(find('c') ?? start, 'm', 'first');
  await settled();
  answerWith(() => said('two', 'length'));
  ask(find('c') ?? start, 'm', 'second');
  await settled();
  expect(sent[1]?.body.messages).toEqual([
    { role: 'user', content: 'first' },
    { role: 'assistant', content: 'one' },
    { role: 'user', content: 'second' },
  ]);
  expect(reply(1)).toMatchObject({ text: 'two', end: 'length', usage: { prompt_tokens: 1, completion_tokens: 1 } });
  answerWith(() => said('again'));
  ask(find('c') ?? start, 'm', 'other', 0);
  await settled();
  expect(find('c')?.exchanges.map((exchange) => exchange.question)).toEqual(['other']);
  expect(sent[2]?.body.messages).toEqual([{ role: 'user', content: 'other' }]);
});

test('a conversation deleted meanwhile does not come back', async () => {
  answerWith(() => events(['answer', answer]));
  ask(start, null, 'Is it?');
  conversations.set([]);
  await settled();
  expect(conversations.get()).toEqual([]);
});
