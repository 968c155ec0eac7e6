/** A finalist in the plot: how good, and what it takes. */
export interface Point {
  candidate: string;
  quality: number;
  takes: number;
}

/** Those that no other beats in both, from what takes least: better quality costs more along this line. */
export function paretoLine<P extends Point>(points: readonly P[]): P[] {
  const sorted = [...points].sort((a, b) => a.takes - b.takes || b.quality - a.quality);
  const line: P[] = [];
  for (const point of sorted) {
    const last = line.at(-1);
    if (!last || point.quality > last.quality) line.push(point);
  }
  return line;
}
