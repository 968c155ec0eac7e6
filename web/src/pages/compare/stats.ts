import type { Interval } from '../../api/tasks';

/** The median with the interval of two of the values that holds it with this confidence, by binomial order statistics. */
export function medianInterval(values: readonly number[], confidence: number): Interval | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const n = sorted.length;
  if (n === 0) return null;
  const value = n % 2 === 1 ? at(sorted, (n - 1) / 2) : (at(sorted, n / 2 - 1) + at(sorted, n / 2)) / 2;
  const most = (1 - confidence) / 2;
  // The greatest k with P(fewer than k of n lie below the median) within what each side may miss.
  let [k, below] = [0, 0];
  let logPart = -n * Math.LN2;
  while (k < n / 2) {
    below += Math.exp(logPart);
    if (below > most) break;
    logPart += Math.log((n - k) / (k + 1));
    k += 1;
  }
  return k === 0 ? { value, low: null, high: null } : { value, low: at(sorted, k - 1), high: at(sorted, n - k) };
}

function at(sorted: number[], place: number): number {
  return sorted[place] ?? NaN;
}

/** A table as RFC 4180 has it, with a mark that makes spreadsheets read it as UTF-8. */
export function csv(rows: readonly (readonly (string | number | null | undefined)[])[]): string {
  const cell = (value: string | number | null | undefined) => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return `\uFEFF${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}
