import { expect, test } from 'vitest';
import { batches, chosenFiles, droppedFiles } from './files';

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

/** An entry of a drop as Chrome gives it: a folder's reader hands out at most a hundred at a time, then an empty list. */
interface Tree {
  [name: string]: Tree | null;
}

function entry(name: string, inside: Tree | null): FileSystemEntry {
  if (inside === null) return { name, isFile: true, isDirectory: false, file: (give: (file: File) => void) => give({ name, size: 1 } as File) } as unknown as FileSystemEntry;
  const createReader = () => {
    const left = Object.entries(inside).map(([child, below]) => entry(child, below));
    return { readEntries: (give: (some: FileSystemEntry[]) => void) => setTimeout(() => give(left.splice(0, 100))) };
  };
  return { name, isFile: false, isDirectory: true, createReader } as unknown as FileSystemEntry;
}

const drop = (...entries: FileSystemEntry[]) => ({ items: entries.map((one) => ({ webkitGetAsEntry: () => one })), files: [] }) as unknown as DataTransfer;

test('a dropped folder is read to its end, folders inside it too', async () => {
  const many = Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`${index}.md`, null]));
  const tree: Tree = { ...many, deep: { deeper: { ...many } }, '.git': { config: null }, '.DS_Store': null, empty: {} };
  const found = (await droppedFiles(drop(entry('docs', tree), entry('.env', null)))).map(({ name }) => name);
  expect(found).toHaveLength(501);
  expect(new Set(found).size).toBe(501);
  expect(found).toEqual(expect.arrayContaining(['docs/0.md', 'docs/249.md', 'docs/deep/deeper/249.md', '.env']));
});
