import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError, follow, get, onKeyWanted, stopPull } from './client';

const sent: { path: string; method: string }[] = [];

function answerWith(...answers: Response[]): void {
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    sent.push({ path, method: init.method ?? 'GET' });
    return Promise.resolve(answers[Math.min(sent.length, answers.length) - 1]?.clone());
  });
}

const refusal = (status: number, code: string) => new Response(JSON.stringify({ error: { message: 'No.', code } }), { status });

beforeEach(() => {
  sent.length = 0;
  vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => undefined });
});
afterEach(() => {
  onKeyWanted(() => Promise.resolve(null));
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('stopping a pull', () => {
  test('takes back exactly what started it', async () => {
    answerWith(new Response(null, { status: 204 }));
    await stopPull('qwen2.5 coder/0.5b');
    expect(sent).toEqual([{ path: '/v1/catalogue/qwen2.5%20coder%2F0.5b/pull', method: 'DELETE' }]);
  });

  test('one that ended a moment earlier is no trouble', async () => {
    answerWith(refusal(404, 'pull_not_found'));
    await expect(stopPull('x')).resolves.toBeUndefined();
  });

  test('says why it could not', async () => {
    answerWith(refusal(404, 'model_not_found'));
    await expect(stopPull('x')).rejects.toMatchObject({ status: 404, code: 'model_not_found', message: 'No.' });
  });
});

describe('following a stream', () => {
  test.each([[401, 'invalid_api_key'], [404, 'knowledge_base_not_found']])('ends at %i', async (status, code) => {
    answerWith(refusal(status, code));
    const ask = vi.fn(() => Promise.resolve(null));
    onKeyWanted(ask);
    await follow('/v1/x', new AbortController().signal, () => undefined);
    expect(sent).toHaveLength(1);
    expect(ask).toHaveBeenCalledTimes(status === 401 ? 1 : 0);
  });

  test('comes back after anything else', async () => {
    vi.useFakeTimers();
    answerWith(refusal(500, 'internal_error'), new Response('event: progress\ndata: 1\n\n'), refusal(404, 'knowledge_base_not_found'));
    const seen: string[] = [];
    const followed = follow('/v1/x', new AbortController().signal, ({ data }) => seen.push(data));
    await vi.advanceTimersByTimeAsync(5000);
    await followed;
    expect(seen).toEqual(['1']);
    expect(sent).toHaveLength(3);
  });
});

test('an answer that is not of the API is told as it is', async () => {
  answerWith(new Response('<h1>Bad gateway</h1>', { status: 502 }));
  await expect(get('/v1/info')).rejects.toEqual(new ApiError('<h1>Bad gateway</h1>', 502, null));
});
