import type { CatalogueModel, Logprobs } from '../../api/types';
import { bytesOf } from './tokens';

/** How a model looks back at what it has read. */
export type Kind = 'transformer' | 'rwkv' | 'mamba';

export function kindOf(architecture: string): Kind {
  if (architecture.startsWith('rwkv')) return 'rwkv';
  if (architecture.startsWith('mamba')) return 'mamba';
  return 'transformer';
}

/** Models to begin a comparison with: one of each kind, and others while there is room. */
export function firstModels(names: string[], models: CatalogueModel[], most: number): string[] {
  const kind = (name: string) => kindOf(models.find((model) => model.name === name)?.architecture ?? '');
  const ofEach = names.filter((name, index) => names.findIndex((other) => kind(other) === kind(name)) === index);
  return [...ofEach, ...names.filter((name) => !ofEach.includes(name))].slice(0, most);
}

/** Bits that a model needs for each byte of a text it has read, its first token aside; `null` where there is nothing to tell. */
export function bitsPerByte(logprobs: Logprobs | null, prompt: number): number | null {
  if (!logprobs) return null;
  let bits = 0;
  let bytes = 0;
  logprobs.tokens.slice(0, prompt).forEach((token, index) => {
    const logprob = logprobs.token_logprobs[index];
    if (logprob === null || logprob === undefined) return;
    bits -= logprob / Math.LN2;
    bytes += bytesOf(token).length;
  });
  return bytes > 0 ? bits / bytes : null;
}
