import type { Citation, Hit, Span, Timings, Usage } from '../../api/types';
import { Store } from '../../lib/store';

/** A passage that was read for an answer, without its text. */
export interface Found {
  document: string;
  title: string;
  page: number | null;
  section: string;
  span: Span;
}

export type End = 'done' | 'length' | 'stopped' | 'failed';

export interface Reply {
  text: string;
  model: string | null;
  base: string | null;
  citations: Citation[];
  dropped: number;
  supported: boolean | null;
  found: Found[];
  usage: Usage | null;
  timings: Timings | null;
  end: End;
  error: string | null;
  /** The error's code, where the server gave one. */
  code?: string | null;
}

/** A question and what came of it; null until something did. */
export interface Exchange {
  id: string;
  question: string;
  reply: Reply | null;
}

export interface Conversation {
  id: string;
  /** The knowledge base answers come from; null asks the model itself. */
  base: string | null;
  /** Null is whatever the server's default is. */
  model: string | null;
  exchanges: Exchange[];
  updated: number;
}

// One key each, so that two tabs never overwrite each other's conversations.
const PREFIX = 'sumeru.conversation.';

function isConversation(value: unknown): value is Conversation {
  const kept = value as Conversation | null;
  return typeof kept === 'object' && kept !== null && typeof kept.id === 'string' && Array.isArray(kept.exchanges);
}

function readAll(): Conversation[] {
  const found: Conversation[] = [];
  try {
    for (let index = 0; index < localStorage.length; index += 1) {
      const key = localStorage.key(index);
      if (!key?.startsWith(PREFIX)) continue;
      try {
        const kept: unknown = JSON.parse(localStorage.getItem(key) ?? 'null');
        if (isConversation(kept)) found.push(kept);
      } catch {
        // A damaged one is left alone; the others are fine.
      }
    }
  } catch {
    // No permission: conversations last as long as the page.
  }
  return found.sort((a, b) => b.updated - a.updated);
}

/** All conversations, latest first. */
export const conversations = new Store<Conversation[]>(readAll());
/** True when the browser has no room for more. */
export const full = new Store(false);

if (typeof window !== 'undefined') {
  window.addEventListener('storage', (event) => {
    if (event.key === null || event.key.startsWith(PREFIX)) conversations.set(readAll());
  });
}

export function find(id: string): Conversation | null {
  return conversations.get().find((one) => one.id === id) ?? null;
}

/** Keeps a conversation, in memory in any case. */
export function save(conversation: Conversation): void {
  const others = conversations.get().filter((one) => one.id !== conversation.id);
  conversations.set([conversation, ...others].sort((a, b) => b.updated - a.updated));
  try {
    localStorage.setItem(PREFIX + conversation.id, JSON.stringify(conversation));
    full.set(false);
  } catch {
    full.set(true);
  }
}

export function forget(id: string): void {
  conversations.set(conversations.get().filter((one) => one.id !== id));
  try {
    localStorage.removeItem(PREFIX + id);
    full.set(false);
  } catch {
    // It was never kept.
  }
}

export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function titleOf(conversation: Conversation, untitled: string): string {
  return conversation.exchanges[0]?.question.replace(/\s+/g, ' ').slice(0, 80) || untitled;
}

export function foundOf(hits: Hit[]): Found[] {
  return hits.map(({ document, title, page, section, span }) => ({ document, title, page, section, span }));
}
