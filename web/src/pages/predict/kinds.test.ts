import { expect, test } from 'vitest';
import type { CatalogueModel } from '../../api/types';
import { bitsPerByte, firstModels, kindOf } from './kinds';

const model = (name: string, architecture: string) => ({ name, architecture }) as CatalogueModel;

test('architectures are of three kinds', () => {
  expect(['llama', 'qwen2', 'rwkv6', 'rwkv7', 'mamba', 'mamba2', ''].map(kindOf)).toEqual(['transformer', 'transformer', 'rwkv', 'rwkv', 'mamba', 'mamba', 'transformer']);
});

test('a comparison begins with one of each kind', () => {
  const models = [model('a', 'llama'), model('b', 'qwen2'), model('c', 'rwkv7'), model('d', 'mamba')];
  expect(firstModels(['a', 'b', 'c', 'd'], models, 3)).toEqual(['a', 'c', 'd']);
  expect(firstModels(['a', 'b'], models, 3)).toEqual(['a', 'b']);
  expect(firstModels(['b', 'x'], [], 3)).toEqual(['b', 'x']);
});

test('bits for each byte are of the prompt alone, its first token aside', () => {
  const logprobs = { tokens: ['a', 'bc', 'bytes:\\xe4\\xbd', 'later'], token_logprobs: [null, -2 * Math.LN2, -6 * Math.LN2, -99], top_logprobs: null, text_offset: [] };
  expect(bitsPerByte(logprobs, 3)).toBeCloseTo(2);
  expect(bitsPerByte(logprobs, 1)).toBeNull();
  expect(bitsPerByte(null, 3)).toBeNull();
});
