import { describe, expect, test } from 'vitest';
import type { Citation } from '../api/types';
import { CLOSE, cut, isWhole, number, OPEN, placeCitations, placePending, sheetsAround, showToken, toUnits } from './text';

const cite = (marker: string, at: [number, number]): Citation => ({
  marker, at, passage: 'p', document: 'a.pdf', title: 'A', page: 1, section: '', quote: 'q', span: [0, 1],
});
const hole = (index: number) => `${OPEN}${index}${CLOSE}`;

describe('toUnits', () => {
  test('counts a character outside the basic plane once', () => {
    const text = 'a😀b𠮷c';
    expect(toUnits(text, [0, 1, 2, 3, 4, 5])).toEqual([0, 1, 3, 4, 6, 7]);
  });

  test('keeps the order asked for and stays within the text', () => {
    expect(toUnits('😀😀', [2, 0, 99, -1])).toEqual([4, 0, 4, 0]);
  });
});

describe('sheetsAround', () => {
  const pages = ['第一页😀', 'second page', '第三页'];
  const text = pages.join('\n');
  const spans: [number, number][] = [[0, 4], [5, 16], [17, 20]];

  test('the marked text is the quotation, also after a character of two units', () => {
    const { sheets, mark } = sheetsAround(text, spans, [12, 16], 1000);
    expect(sheets.map((sheet) => sheet.page)).toEqual([1, 2, 3]);
    expect(text.slice(mark?.[0], mark?.[1])).toBe('page');
    const middle = sheets[1];
    expect(middle && cut(text, middle, mark)).toEqual(['second ', 'page', '']);
  });

  test('only the pages near the mark are shown', () => {
    const { sheets } = sheetsAround(text, spans, [12, 16], 2);
    expect(sheets.map((sheet) => sheet.page)).toEqual([2, 3]);
  });

  test('a document without pages is one sheet', () => {
    const { sheets, mark } = sheetsAround('0123456789', [], [4, 6], 3);
    expect(sheets).toEqual([{ page: null, start: 1, end: 9 }]);
    expect(mark).toEqual([4, 6]);
  });

  test('a mark over the end of a page is drawn on both', () => {
    const { sheets, mark } = sheetsAround('abcd', [[0, 2], [2, 4]], [1, 3], 100);
    expect(sheets.map((sheet) => cut('abcd', sheet, mark))).toEqual([['a', 'b', ''], ['', 'c', 'd']]);
  });
});

describe('placeCitations', () => {
  test('puts each citation where its marker stands, counted in characters', () => {
    const answer = '😀 是的。[1] Yes. [2]';
    expect(placeCitations(answer, [cite('[1]', [5, 8]), cite('[2]', [14, 17])])).toBe(`😀 是的。${hole(0)} Yes.${hole(1)}`);
  });

  test('the same marker twice leads to two places', () => {
    expect(placeCitations('a[1] b[1]', [cite('[1]', [1, 4]), cite('[1]', [6, 9])])).toBe(`a${hole(0)} b${hole(1)}`);
  });

  test('a marker that moved is found by its text; one that is not there is left out', () => {
    expect(placeCitations('so it is [3].', [cite('[3]', [0, 3]), cite('[9]', [4, 7])])).toBe(`so it is.${hole(0)}`);
  });

  test('a number stands after its sentence', () => {
    expect(placeCitations('甲[1][2]。乙[3]，丙', [cite('[1]', [1, 4]), cite('[2]', [4, 7]), cite('[3]', [9, 12])])).toBe(`甲。${hole(0)}${hole(1)}乙，${hole(2)}丙`);
    expect(placeCitations('a [1]. b[2].5', [cite('[1]', [2, 5]), cite('[2]', [8, 11])])).toBe(`a.${hole(0)} b${hole(1)}.5`);
  });

  test('signs of our own in an answer cannot forge a citation', () => {
    expect(placeCitations(`x${hole(0)}`, [])).toBe('x0');
  });
});

test('markers of an answer being written are set apart', () => {
  expect(placePending('a [1] b[12] [x] [123]')).toEqual({ text: `a${hole(0)} b${hole(1)} [x] [123]`, markers: ['1', '12'] });
});

test('number', () => {
  expect([number('[3]'), number('【12】'), number('*')]).toEqual(['3', '12', '*']);
});

test('tokens for people', () => {
  expect(showToken(' the')).toBe('·the');
  expect(showToken('\n\t')).toBe('↵→');
  expect(showToken('bytes:\\xe4\\xbd')).toBe('E4 BD');
  expect(showToken('\uFFFD', [0xe4, 0xbd])).toBe('E4 BD');
  expect(showToken('')).toBe('∅');
});

test('only whole text can be put after a prompt', () => {
  expect([' the', '好', '\n'].map(isWhole)).toEqual([true, true, true]);
  expect(['', 'bytes:\\xe4', '\uFFFD', '<|im_end|>'].map(isWhole)).toEqual([false, false, false, false]);
});
