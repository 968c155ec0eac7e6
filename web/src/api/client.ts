import { readEvents, type ServerEvent } from './sse';

/** What the server said when it could not do what was asked. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null,
  ) {
    super(message);
  }
}

const KEY = 'sumeru.key';
let askForKey: (() => Promise<string | null>) | null = null;

/** Registers how a key is asked for when the server wants one. */
export function onKeyWanted(ask: () => Promise<string | null>): void {
  askForKey = ask;
}

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const headers = new Headers(init.headers);
    const key = sessionStorage.getItem(KEY);
    if (key) headers.set('authorization', `Bearer ${key}`);
    const response = await fetch(path, { ...init, headers });
    if (response.ok) return response;
    if (response.status === 401 && askForKey) {
      const given = await askForKey();
      if (given) {
        sessionStorage.setItem(KEY, given);
        continue;
      }
    }
    throw await errorOf(response);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  try {
    const { error } = JSON.parse(text) as { error: { message: string; code?: string | null } };
    return new ApiError(error.message, response.status, error.code ?? null);
  } catch {
    return new ApiError(text.slice(0, 300) || `${response.status} ${response.statusText}`, response.status, null);
  }
}

function json(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send(path, { signal })).json() as Promise<T>;
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await send(path, { ...json(body), signal });
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}

export async function put<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await send(path, { ...json(body), method: 'PUT', signal })).json() as Promise<T>;
}

export async function remove(path: string): Promise<void> {
  await send(path, { method: 'DELETE' });
}

/** What is at an address, as it is: for files that people keep. */
export async function blob(path: string): Promise<Blob> {
  return (await send(path)).blob();
}

/** Stops a pull that is going on; what is here stays, and pulling again goes on from it. */
export async function stopPull(name: string): Promise<void> {
  try {
    await remove(path.pull(name));
  } catch (error) {
    // It came to its end a moment earlier.
    if (!(error instanceof ApiError && error.code === 'pull_not_found')) throw error;
  }
}

/** Posts a form or a file as it is; answers with the server's JSON. */
export async function upload<T>(path: string, form: FormData | Blob): Promise<T> {
  return (await send(path, { method: 'POST', body: form })).json() as Promise<T>;
}

/** Posts and yields the events streamed back. */
export async function* postEvents(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  yield* readEvents(await send(path, { ...json(body), signal }));
}

/** Follows an event stream for as long as the signal lasts, coming back after it breaks; not if the thing is gone or a key is withheld. */
export async function follow(path: string, signal: AbortSignal, each: (event: ServerEvent) => void): Promise<void> {
  let wait = 500;
  while (!signal.aborted) {
    try {
      const response = await send(path, { headers: { accept: 'text/event-stream' }, signal });
      for await (const event of readEvents(response)) {
        wait = 500;
        each(event);
      }
    } catch (error) {
      if (isRefused(error) || (error instanceof ApiError && error.status === 404)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 8000);
  }
}

/** The error that an event of a stream tells of. */
export function errorIn(data: string): ApiError {
  const { error } = JSON.parse(data) as { error: { message: string; code?: string | null } };
  return new ApiError(error.message, 200, error.code ?? null);
}

/** The server wants a key and the reader gave none: asking again by itself would only bring the dialog back. */
export function isRefused(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export const path = {
  base: (name: string) => `/v1/knowledge_bases/${encodeURIComponent(name)}`,
  documents: (name: string) => `/v1/knowledge_bases/${encodeURIComponent(name)}/documents`,
  document: (base: string, name: string) =>
    `/v1/knowledge_bases/${encodeURIComponent(base)}/document?name=${encodeURIComponent(name)}`,
  removeDocument: (base: string, name: string) =>
    `/v1/knowledge_bases/${encodeURIComponent(base)}/documents?name=${encodeURIComponent(name)}`,
  pull: (name: string) => `/v1/catalogue/${encodeURIComponent(name)}/pull`,
  model: (name: string) => `/v1/catalogue/${encodeURIComponent(name)}`,
};
