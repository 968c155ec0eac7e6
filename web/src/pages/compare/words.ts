import type { Interval } from '../../api/tasks';
import type { Lang } from '../../i18n/catalogue';
import { score } from '../../lib/format';

/** A value with its interval: 0.808 (0.729–0.869) */
export function span({ value, low, high }: Interval, lang: Lang): string {
  if (low === null || high === null) return score(value, lang);
  return `${score(value, lang)} (${score(low, lang)}–${score(high, lang)})`;
}

/** The same with its sign, for differences: +0.008 (−0.040 to +0.056) */
export function signedSpan({ value, low, high }: Interval, lang: Lang): string {
  const signed = (number: number) => new Intl.NumberFormat(lang === 'zh' ? 'zh-CN' : 'en', { minimumFractionDigits: 3, maximumFractionDigits: 3, signDisplay: 'exceptZero' }).format(number).replace('-', '−');
  return low === null || high === null ? signed(value) : `${signed(value)} (${signed(low)} … ${signed(high)})`;
}

/** A p-value: two figures, and no more zeros than anybody reads. */
export function pText(p: number): string {
  if (p < 0.0001) return '< 0.0001';
  return p >= 0.995 ? '1' : p >= 0.1 ? p.toFixed(2) : p.toPrecision(2);
}

export function routeOf(candidate: string): string {
  return candidate.split('@', 1)[0] ?? candidate;
}

export function modelOf(candidate: string): string {
  return candidate.slice(candidate.indexOf('@') + 1);
}
