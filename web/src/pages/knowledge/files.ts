/** A file to upload, under the name it will have in the knowledge base. */
export interface Named {
  file: File;
  name: string;
}

/** Files the system leaves in folders; nobody means to add them. */
function isJunk(name: string): boolean {
  return name === 'Thumbs.db' || name.startsWith('.');
}

/** Everything that was dropped, folders opened all the way down. */
export async function droppedFiles(transfer: DataTransfer): Promise<Named[]> {
  // Entries must be taken before the first wait: the list is emptied when the event is over.
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return chosenFiles(transfer.files);
  const found: Named[] = [];
  for (const entry of entries) await walk(entry, '', found);
  return found;
}

async function walk(entry: FileSystemEntry, folder: string, found: Named[]): Promise<void> {
  const name = folder + entry.name;
  if (entry.isFile) {
    if (folder !== '' && isJunk(entry.name)) return;
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ file, name });
    return;
  }
  if (isJunk(entry.name)) return;
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives at most a hundred entries at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const child of some) await walk(child, `${name}/`, found);
  }
}

/** What a file input holds; files of a chosen folder keep their path. */
export function chosenFiles(files: FileList | null): Named[] {
  return Array.from(files ?? [], (file) => ({ file, name: file.webkitRelativePath || file.name })).filter(
    ({ file, name }) => name === file.name || !name.split('/').some(isJunk),
  );
}

/** Cuts a list into requests of a bearable size; one large file goes alone. */
export function batches<T extends { file: { size: number } }>(files: T[], most = 24, bytes = 16_000_000): T[][] {
  const cut: T[][] = [];
  let size = 0;
  for (const one of files) {
    const last = cut[cut.length - 1];
    if (!last || last.length >= most || size + one.file.size > bytes) {
      cut.push([one]);
      size = one.file.size;
    } else {
      last.push(one);
      size += one.file.size;
    }
  }
  return cut;
}
