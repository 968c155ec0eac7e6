import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const css = readFileSync(join(import.meta.dirname, 'base.css'), 'utf8');
const tokens = new Map(Array.from(css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g), ([, name, light, dark]) => [name, { light, dark }]));

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const grounds = ['page', 'side', 'raised', 'sunken', 'hover'];
const words: [string, string[]][] = [
  ['text', [...grounds, 'tint', 'mark', 'danger-tint', 'warn-tint']],
  ['soft', grounds],
  ['accent', [...grounds, 'tint']],
  ['on-accent', ['accent', 'accent-hover']],
  ['danger', ['page', 'raised', 'side', 'danger-tint']],
  ['warn', ['page', 'raised', 'warn-tint']],
];

// WCAG 2.2: 4.5 for text (1.4.3), 3 for the edges of controls (1.4.11).
describe.each(['light', 'dark'] as const)('%s', (theme) => {
  const colour = (name: string) => tokens.get(name)?.[theme] ?? 'missing';
  test.each(words.flatMap(([word, on]) => on.map((ground) => [word, ground])))('%s can be read on %s', (word, ground) => {
    expect(contrast(colour(word ?? ''), colour(ground ?? ''))).toBeGreaterThanOrEqual(4.5);
  });

  test.each(['page', 'raised'])('edges stand out on %s', (ground) => {
    expect(contrast(colour('edge'), colour(ground))).toBeGreaterThanOrEqual(3);
    expect(contrast(colour('accent'), colour(ground))).toBeGreaterThanOrEqual(3);
  });
});
