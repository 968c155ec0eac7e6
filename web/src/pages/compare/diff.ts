/** A stretch of a text, and whether the other text has it, too. */
export interface Part {
  text: string;
  same: boolean;
}

/** Texts longer than this are marked as a whole: nobody reads such a difference letter by letter. */
const MOST = 4000;

/** Words of Latin, single characters of Han, runs of blanks. */
function pieces(text: string): string[] {
  return text.match(/[\p{Script=Latin}\p{N}_]+|\s+|[\s\S]/gu) ?? [];
}

/** What two texts have in common and what not, by the longest common subsequence of their words. */
export function difference(one: string, other: string): [Part[], Part[]] {
  const [a, b] = [pieces(one), pieces(other)];
  if (a.length > MOST || b.length > MOST) return one === other ? [whole(one, true), whole(other, true)] : [whole(one, false), whole(other, false)];
  let [start, end] = [0, 0];
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [inA, inB] = common(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const flags = (all: string[], middle: boolean[]) => all.map((_, at) => at < start || at >= all.length - end || (middle[at - start] ?? false));
  return [joined(a, flags(a, inA)), joined(b, flags(b, inB))];
}

function whole(text: string, same: boolean): Part[] {
  return text === '' ? [] : [{ text, same }];
}

/** Which pieces of each are in the longest common subsequence. */
function common(a: string[], b: string[]): [boolean[], boolean[]] {
  const width = b.length + 1;
  // Beyond this the table would take more memory than a picture of the page.
  if (a.length * b.length > 4_000_000) return [a.map(() => false), b.map(() => false)];
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const at = i * width + j;
      table[at] = a[i] === b[j] ? (table[at + width + 1] ?? 0) + 1 : Math.max(table[at + width] ?? 0, table[at + 1] ?? 0);
    }
  }
  const [inA, inB] = [a.map(() => false), b.map(() => false)];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      inA[i] = true;
      inB[j] = true;
      i += 1;
      j += 1;
    } else if ((table[(i + 1) * width + j] ?? 0) >= (table[i * width + j + 1] ?? 0)) i += 1;
    else j += 1;
  }
  return [inA, inB];
}

function joined(all: string[], same: boolean[]): Part[] {
  const parts: Part[] = [];
  all.forEach((text, at) => {
    const last = parts.at(-1);
    if (last && last.same === same[at]) last.text += text;
    else parts.push({ text, same: same[at] ?? false });
  });
  return parts;
}
