import type { EngineModel } from '../../api/types';

/** What a model did between two looks at it, in tokens a second. */
export interface Speed {
  at: number;
  read: number;
  written: number;
}

/** Seconds that are shown. */
export const SHOWN = 60;

/** The speeds so far and the one since the last look. A model that was loaded anew begins again. */
export function further(speeds: Speed[], before: EngineModel | undefined, now: EngineModel, seconds: number, at: number): Speed[] {
  if (!before || seconds <= 0 || now.written_tokens < before.written_tokens || now.read_tokens < before.read_tokens) return [];
  const speed = {
    at,
    read: (now.read_tokens - before.read_tokens) / seconds,
    written: (now.written_tokens - before.written_tokens) / seconds,
  };
  return [...speeds, speed].filter((one) => at - one.at < SHOWN * 1000);
}

/** The points of a line in a box of 100 by 100, the newest at the right edge; flat where nothing happened. */
export function line(values: number[], most: number): string {
  const step = 100 / (SHOWN - 1);
  return values.map((value, at) => `${(100 - (values.length - 1 - at) * step).toFixed(2)},${(100 - (most > 0 ? value / most : 0) * 96 - 2).toFixed(2)}`).join(' ');
}
