import type { Citation, Span } from '../api/types';

/** Turns offsets counted in Unicode scalar values into JavaScript string offsets, in one pass. */
export function toUnits(text: string, offsets: number[]): number[] {
  const order = offsets.map((_, index) => index).sort((a, b) => (offsets[a] ?? 0) - (offsets[b] ?? 0));
  const found = new Array<number>(offsets.length).fill(text.length);
  let unit = 0;
  let scalar = 0;
  for (const index of order) {
    const wanted = Math.max(0, offsets[index] ?? 0);
    while (scalar < wanted && unit < text.length) {
      unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
      scalar += 1;
    }
    found[index] = unit;
  }
  return found;
}

/** One page (or the whole of a document without pages) as JavaScript string offsets. */
export interface Sheet {
  page: number | null;
  start: number;
  end: number;
}

/** The part of a document that is shown around a place: whole pages, at most `reach` characters to each side. */
export function sheetsAround(text: string, pages: Span[], focus: Span | null, reach: number): { sheets: Sheet[]; mark: Span | null } {
  const flat = [...pages.flat(), ...(focus ?? [])];
  const units = toUnits(text, flat);
  const mark: Span | null = focus ? [units[flat.length - 2] ?? 0, units[flat.length - 1] ?? 0] : null;
  const middle = mark ? mark[0] : 0;
  const from = Math.max(0, middle - reach);
  const to = Math.min(text.length, (mark ? mark[1] : 0) + reach);
  if (pages.length === 0) return { sheets: [{ page: null, start: from, end: to }], mark };
  const sheets = pages
    .map((_, index): Sheet => ({ page: index + 1, start: units[index * 2] ?? 0, end: units[index * 2 + 1] ?? 0 }))
    .filter((sheet) => sheet.end >= from && sheet.start <= to);
  return { sheets, mark };
}

/** Splits a sheet into what stands before, in and after the mark; the mark may cross sheets. */
export function cut(text: string, sheet: Sheet, mark: Span | null): [string, string, string] {
  if (!mark) return [text.slice(sheet.start, sheet.end), '', ''];
  const start = Math.min(Math.max(mark[0], sheet.start), sheet.end);
  const end = Math.min(Math.max(mark[1], start), sheet.end);
  return [text.slice(sheet.start, start), text.slice(start, end), text.slice(end, sheet.end)];
}

/** Private-use characters that carry a citation's index through the markdown renderer. */
export const OPEN = '\uE000';
export const CLOSE = '\uE001';

/** Puts `OPEN index CLOSE` where each citation's marker stands; markers that moved are looked for by their text. */
export function placeCitations(answer: string, citations: Citation[]): string {
  const clean = answer.replace(/[\uE000\uE001]/g, '');
  const units = toUnits(clean, citations.flatMap((citation) => citation.at));
  const taken = new Set<number>();
  const places: { start: number; end: number; index: number }[] = [];
  citations.forEach((citation, index) => {
    let start = units[index * 2] ?? 0;
    const fits = clean.startsWith(citation.marker, start) && !taken.has(start);
    if (!fits) {
      start = clean.indexOf(citation.marker);
      while (start >= 0 && taken.has(start)) start = clean.indexOf(citation.marker, start + 1);
    }
    if (start < 0) return;
    taken.add(start);
    places.push({ start, end: start + citation.marker.length, index });
  });
  places.sort((a, b) => b.start - a.start);
  let text = clean;
  for (const place of places) {
    const before = text.slice(0, place.start).replace(/[ \u00a0]$/, '');
    text = `${before}${OPEN}${place.index}${CLOSE}${text.slice(place.end)}`;
  }
  return afterSentences(text);
}

/** Numbers stand after a sentence, not before its full stop; of `3[1].5` the point is left alone. */
function afterSentences(text: string): string {
  return text.replace(/((?:\uE000\d+\uE001)+)([。！？；，、：]|[.!?;,:](?!\S))/g, '$2$1');
}

/** The same for an answer that is still being written: its markers are not checked yet. */
export function placePending(text: string): { text: string; markers: string[] } {
  const markers: string[] = [];
  const placed = text.replace(/[\uE000\uE001]/g, '').replace(/[ \u00a0]?\[(\d{1,2})\]/g, (_, digits: string) => `${OPEN}${markers.push(digits) - 1}${CLOSE}`);
  return { text: afterSentences(placed), markers };
}

/** `[3]` -> `3`. */
export function number(marker: string): string {
  return marker.replace(/[^\p{L}\p{N}]/gu, '') || marker;
}

/** A token for people: blanks made visible, part of a character as hexadecimal bytes. */
export function showToken(text: string, bytes?: number[]): string {
  const escaped = /^bytes:((?:\\x[0-9a-f]{2})+)$/i.exec(text);
  if (escaped?.[1]) return escaped[1].replace(/\\x/gi, ' ').trim().toUpperCase();
  if (text.includes('\uFFFD') && bytes && bytes.length > 0) {
    return bytes.map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(' ');
  }
  if (text === '') return '∅';
  return text.replace(/ /g, '·').replace(/\n/g, '↵').replace(/\t/g, '→');
}

/** Whether a token alone is whole text that can be put after a prompt. */
export function isWhole(text: string): boolean {
  return text !== '' && !text.includes('\uFFFD') && !/^bytes:(\\x[0-9a-f]{2})+$/i.test(text) && !/^<\|.*\|>$/.test(text);
}
