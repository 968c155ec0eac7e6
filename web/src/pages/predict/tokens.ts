import type { Logprobs } from '../../api/types';

/** A token that could stand somewhere, with its probability. */
export interface Choice {
  text: string;
  share: number;
}

/** A token that was put after the beginning, with what else could have stood there. */
export interface Written extends Choice {
  rivals: Choice[];
}

const PART = /^bytes:((?:\\x[0-9a-f]{2})+)$/i;
const encoder = new TextEncoder();

/** A token's bytes; part of a character comes as `bytes:\xe4\xbd`. */
export function bytesOf(token: string): number[] {
  const part = PART.exec(token)?.[1];
  if (!part) return Array.from(encoder.encode(token));
  return part.slice(2).split('\\x').map((pair) => parseInt(pair, 16));
}

/** The tokens as text, and how many of them make it up: those that only begin a character are left out. */
export function join(tokens: { text: string }[]): { text: string; whole: number } {
  const decoder = new TextDecoder();
  let text = '';
  let whole = 0;
  let pending: number[] = [];
  tokens.forEach((token, index) => {
    pending.push(...bytesOf(token.text));
    if (endsInside(pending)) return;
    text += decoder.decode(Uint8Array.from(pending));
    pending = [];
    whole = index + 1;
  });
  return { text, whole };
}

/** Whether bytes end within a character of UTF-8. */
function endsInside(bytes: number[]): boolean {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2);
    if (byte < 0x80) return false;
  }
  return false;
}

function choices(top: Record<string, number> | null | undefined): Choice[] {
  return Object.entries(top ?? {})
    .map(([text, logprob]) => ({ text, share: Math.exp(logprob) }))
    .sort((a, b) => b.share - a.share);
}

/** The likeliest tokens at the first place. */
export function firstChoices(logprobs: Logprobs | null): Choice[] {
  return choices(logprobs?.top_logprobs?.[0]);
}

/** The likeliest tokens at a place. */
export function choicesAt(logprobs: Logprobs, index: number): Choice[] {
  return choices(logprobs.top_logprobs?.[index]);
}

/** Every token of a completion with its rivals. */
export function written(logprobs: Logprobs | null): Written[] {
  if (!logprobs) return [];
  return logprobs.tokens.map((text, index) => ({
    text,
    share: Math.exp(logprobs.token_logprobs[index] ?? 0),
    rivals: choices(logprobs.top_logprobs?.[index]),
  }));
}

/** The probability of everything that is not listed. */
export function restOf(listed: Choice[]): number {
  return Math.max(0, 1 - listed.reduce((sum, choice) => sum + choice.share, 0));
}
