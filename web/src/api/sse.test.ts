import { describe, expect, test } from 'vitest';
import { EventParser, readEvents } from './sse';

describe('EventParser', () => {
  test('names, data and comments', () => {
    const parser = new EventParser();
    expect(parser.push(': hello\n\nevent: text\ndata: {"text":"a"}\n\ndata: [DONE]\n\n')).toEqual([
      { event: 'text', data: '{"text":"a"}' },
      { event: 'message', data: '[DONE]' },
    ]);
  });

  test('an event cut anywhere is whole in the end', () => {
    const stream = 'event: progress\r\ndata: {"step":"prompt",\r\ndata: "done":1}\r\n\r\nevent: text\r\ndata: 你好\r\n\r\n';
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const parser = new EventParser();
      const events = [...parser.push(stream.slice(0, cut)), ...parser.push(stream.slice(cut))];
      expect(events.filter((event) => event.event === 'text')).toEqual([{ event: 'text', data: '你好' }]);
      expect(events[0]).toEqual({ event: 'progress', data: '{"step":"prompt",\n"done":1}' });
    }
  });

  test('one space after the colon is taken off, no more', () => {
    expect(new EventParser().push('data:  two\n\ndata:none\n\n')).toEqual([
      { event: 'message', data: ' two' },
      { event: 'message', data: 'none' },
    ]);
  });
});

test('a character cut between two reads is put together; the last event needs no blank line', async () => {
  const bytes = new TextEncoder().encode('data: 须弥\n\ndata: end');
  const body = new ReadableStream<Uint8Array>({
    start(control) {
      for (const byte of bytes) control.enqueue(Uint8Array.of(byte));
      control.close();
    },
  });
  const seen = [];
  for await (const event of readEvents(new Response(body))) seen.push(event.data);
  expect(seen).toEqual(['须弥', 'end']);
});
