import type { Lang } from '../i18n/catalogue';

const tag = (lang: Lang) => (lang === 'zh' ? 'zh-CN' : 'en');

/** 12,345 */
export function count(value: number, lang: Lang): string {
  return new Intl.NumberFormat(tag(lang)).format(value);
}

/** 397.8 MB; powers of 1000, as disks and downloads are counted. */
export function bytes(value: number, lang: Lang): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = value;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : 1;
  return `${new Intl.NumberFormat(tag(lang), { maximumFractionDigits: digits }).format(size)} ${units[unit] ?? ''}`;
}

/** 0.4943 B parameters as 494 M. */
export function parameters(value: number, lang: Lang): string {
  const [size, unit] = value >= 1e9 ? [value / 1e9, 'B'] : [value / 1e6, 'M'];
  return `${new Intl.NumberFormat(tag(lang), { maximumSignificantDigits: 3 }).format(size)} ${unit}`;
}

/** 12.3 % */
export function percent(share: number, lang: Lang): string {
  const digits = share >= 0.1 ? 1 : share >= 0.001 ? 2 : 3;
  return new Intl.NumberFormat(tag(lang), { style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share);
}

/** 870 ms, 3.4 s, 2 min 5 s */
export function duration(ms: number, lang: Lang): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${new Intl.NumberFormat(tag(lang), { maximumFractionDigits: 1 }).format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** What is left of a wait: whole seconds, never none. */
export function remaining(ms: number, lang: Lang): string {
  return duration(Math.max(1, Math.ceil(ms / 1000)) * 1000, lang);
}

/** Names of languages from their tags; `others` is said for the tag of many. */
export function languageNames(tags: string[], lang: Lang, others: string): string {
  const names = new Intl.DisplayNames([tag(lang)], { type: 'language' });
  const shown = tags.slice(0, 6).map((code) => {
    // Not every browser has a word for it in every language.
    if (code === 'multilingual' || code === 'mul') return others;
    try {
      return names.of(code) ?? code;
    } catch {
      return code;
    }
  });
  const list = new Intl.ListFormat(tag(lang), { type: 'conjunction', style: 'narrow' }).format(shown);
  return tags.length > 6 ? `${list} +${tags.length - 6}` : list;
}

/** A part of a whole for people: 87%. Only all of it is 100%. */
export function share(part: number, lang: Lang): string {
  const whole = part >= 1 ? 1 : Math.min(0.99, Math.max(0, part));
  return new Intl.NumberFormat(tag(lang), { style: 'percent', maximumFractionDigits: 0 }).format(whole);
}

/** A day that is written 2026-11-27, for people. */
export function day(iso: string, lang: Lang): string {
  const at = new Date(`${iso}T12:00:00`);
  return Number.isNaN(at.getTime()) ? iso : new Intl.DateTimeFormat(tag(lang), { dateStyle: 'medium' }).format(at);
}

/** A number between 0 and 1 to three places: 0.808 */
export function score(value: number, lang: Lang): string {
  return new Intl.NumberFormat(tag(lang), { minimumFractionDigits: 3, maximumFractionDigits: 3 }).format(value);
}

/** A number with few figures: 0.0123, 12.3, 1,230 */
export function figure(value: number, lang: Lang): string {
  return new Intl.NumberFormat(tag(lang), { maximumSignificantDigits: 3 }).format(value);
}
