import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogue } from './catalogue';
import { firstLanguage } from './index';
import { tasksCatalogue } from './tasks';

type Filled = (...given: unknown[]) => string;
const entries = Object.entries({ ...catalogue, ...tasksCatalogue }) as [string, { zh: unknown; en: unknown }][];

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.ts$/.test(entry.name) && !path.includes('i18n') ? [readFileSync(path, 'utf8')] : [];
  });
}

describe('every phrase', () => {
  test.each(entries)('%s is there in both languages', (_key, { zh, en }) => {
    expect(typeof zh).toBe(typeof en);
    if (Array.isArray(zh) && Array.isArray(en)) {
      expect(zh.length).toBe(en.length);
      for (const phrase of [...zh, ...en]) expect(phrase).toMatch(/\S/);
    } else if (typeof zh === 'function') {
      for (const fill of [zh, en] as Filled[]) {
        const given = ['7', '8', '9', '6'].slice(0, fill.length);
        const phrase = fill(...given);
        for (const value of given) expect(phrase).toContain(value);
        expect(phrase).not.toMatch(/undefined|NaN/);
      }
    } else {
      expect(zh).toMatch(/\S/);
      expect(en).toMatch(/\S/);
    }
  });

  test.each(entries.filter(([, { zh }]) => typeof zh === 'string'))('%s has Chinese punctuation in Chinese', (_key, { zh }) => {
    expect(zh).not.toMatch(/[\u4e00-\u9fff][,;:?!]/);
  });
});

test('the phrases of Tasks and Compare do not hide those of everywhere', () => {
  expect(Object.keys(tasksCatalogue).filter((key) => key in catalogue)).toEqual([]);
});

test('plurals', () => {
  expect([catalogue.documentCount.en('1'), catalogue.documentCount.en('1,234')]).toEqual(['1 document', '1,234 documents']);
  expect([catalogue.droppedNote.en(1), catalogue.droppedNote.en(2)].map((note) => /was|were/.exec(note)?.[0])).toEqual(['was', 'were']);
});

describe('phrases and the pages', () => {
  const text = sources(join(import.meta.dirname, '..')).join('\n');
  // The frame names its pages by key.
  const dynamic = /const pages = \[[\s\S]*?\]/.exec(text)?.[0] ?? '';
  const used = new Set([
    ...Array.from(text.matchAll(/\bt\.(\w+)/g), (match) => match[1]),
    ...Array.from(dynamic.matchAll(/'(\w+)'/g), (match) => match[1]),
  ]);

  test('no phrase is left over', () => {
    expect(entries.map(([key]) => key).filter((key) => !used.has(key))).toEqual([]);
  });

  test('no phrase is missing', () => {
    const known = new Set(entries.map(([key]) => key));
    expect(Array.from(text.matchAll(/\bt\.(\w+)/g), (match) => match[1] ?? '').filter((key) => !known.has(key))).toEqual([]);
  });

  test('no page has words of its own', () => {
    // Text between tags or in a label that holds Han characters belongs in the catalogue; the languages' own names do not.
    const loose = text.split('\n').filter((line) => /[\u4e00-\u9fff]/.test(line) && !/中文/.test(line));
    expect(loose).toEqual([]);
  });
});

test('the first language', () => {
  expect(firstLanguage(null, ['fr-FR', 'zh-TW', 'en'])).toBe('zh');
  expect(firstLanguage(null, ['en-GB', 'zh'])).toBe('en');
  expect(firstLanguage('zh', ['en'])).toBe('zh');
  expect(firstLanguage('tlh', ['fr'])).toBe('en');
});
