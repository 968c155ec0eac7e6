import type { Decision, Entrant, OutputRow } from '../../api/tasks';
import { csv, medianInterval } from './stats';
import type { Point } from './pareto';

export const axes = ['latency', 'cost', 'memory'] as const;
export type Axis = (typeof axes)[number];

/** A finalist as it is drawn: with both intervals where there are such, and its number in the table. */
export interface Plotted extends Point {
  number: number;
  chosen: boolean;
  qualityLow: number | null;
  qualityHigh: number | null;
  takesLow: number | null;
  takesHigh: number | null;
}

export function plotted(decision: Decision, finalists: Entrant[], outputs: OutputRow[] | null, axis: Axis): Plotted[] {
  return finalists.flatMap((one, at) => {
    const result = one.result;
    if (!result) return [];
    const takes = axis === 'latency' ? result.latency_p50_ms : axis === 'cost' ? result.cost_per_1000 : one.memory;
    // The median's interval is not in the decision; the answers it was taken from are.
    const times = axis === 'latency' ? (outputs ?? []).filter((row) => row.part === 'test').flatMap((row) => row.answers[one.candidate]?.milliseconds ?? []) : [];
    const reach = times.length > 0 ? medianInterval(times, decision.terms.confidence) : null;
    const holds = reach?.low != null && reach.high != null && reach.low <= takes && takes <= reach.high;
    return [{
      candidate: one.candidate, number: at + 1, chosen: one.candidate === decision.chosen, quality: result.quality.value, takes,
      qualityLow: result.quality.low, qualityHigh: result.quality.high, takesLow: holds ? reach.low : null, takesHigh: holds ? reach.high : null,
    }];
  });
}

/** Everything about the finalists, for a spreadsheet. */
export function table(decision: Decision, finalists: Entrant[], outputs: OutputRow[] | null): string {
  const times = new Map(plotted(decision, finalists, outputs, 'latency').map((point) => [point.candidate, point]));
  const head = ['candidate', 'chosen', 'examples', 'failed', 'abstained', 'quality', 'quality_low', 'quality_high', 'latency_p50_ms', 'latency_p50_low_ms', 'latency_p50_high_ms', 'latency_p95_ms', 'latency_p95_low_ms', 'latency_p95_high_ms', 'prompt_tokens', 'completion_tokens', 'cost_per_1000', 'memory_bytes', 'chosen_minus_this', 'difference_low', 'difference_high', 'p'];
  const rows = finalists.flatMap((one) => {
    const [result, against, time] = [one.result, one.against, times.get(one.candidate)];
    if (!result) return [];
    return [[
      one.candidate, one.candidate === decision.chosen ? 1 : 0, result.examples, result.failed, result.abstained ?? 0, result.quality.value, result.quality.low, result.quality.high,
      result.latency_p50_ms, time?.takesLow, time?.takesHigh, result.latency_p95_ms.value, result.latency_p95_ms.low, result.latency_p95_ms.high,
      result.prompt_tokens, result.completion_tokens, result.cost_per_1000, one.memory,
      against?.difference.interval.value, against?.difference.interval.low, against?.difference.interval.high, against?.p,
    ]];
  });
  return csv([head, ...rows]);
}
