import { expect, test } from 'vitest';
import { batches, chosenFiles } from './files';

const file = (size: number) => ({ file: { size } });

test('requests are cut by number and by size', () => {
  expect(batches(Array.from({ length: 5 }, () => file(1)), 2, 100).map((batch) => batch.length)).toEqual([2, 2, 1]);
  expect(batches([file(60), file(30), file(20)], 9, 100).map((batch) => batch.length)).toEqual([2, 1]);
});

test('a file larger than a request goes alone', () => {
  expect(batches([file(10), file(500), file(10)], 9, 100).map((batch) => batch.length)).toEqual([1, 1, 1]);
  expect(batches([])).toEqual([]);
});

test('a chosen folder keeps its paths and leaves out what nobody means', () => {
  const chosen = (name: string, webkitRelativePath: string) => ({ name, webkitRelativePath, size: 1 }) as File;
  const list = [chosen('a.md', 'docs/a.md'), chosen('.DS_Store', 'docs/.DS_Store'), chosen('config', 'docs/.git/config'), chosen('.bashrc', '')];
  expect(chosenFiles(list as unknown as FileList).map(({ name }) => name)).toEqual(['docs/a.md', '.bashrc']);
});
