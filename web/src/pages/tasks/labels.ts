import { get, post } from '../../api/client';
import { at, type DataReport, type Json, type LabelledRow, type Row, type RowChange, type Rows } from '../../api/tasks';
import { keyOf, labelField, short, type Columns } from './rows';

/** Rows of one answer, and the most that are held here: a browser filters what it has. */
const PAGE = 1000;
export const MOST = 20_000;

/** All labelled rows of a task, and what is to be known of them. */
export async function allRows(name: string, signal?: AbortSignal): Promise<{ rows: LabelledRow[]; total: number; report: DataReport | null }> {
  const rows: LabelledRow[] = [];
  for (;;) {
    const page = await get<Rows>(at.rows(name, rows.length, PAGE), signal);
    rows.push(...page.rows);
    if (page.rows.length === 0 || rows.length >= Math.min(page.total, MOST)) return { rows, total: page.total, report: page.report };
  }
}

export function change(name: string, rows: RowChange[]): Promise<{ added: number; replaced: number; removed: number; total: number }> {
  return post(`${at.task(name)}/rows`, { rows });
}

/** Finds the labelled row that a row is: the very same, or one of the same inputs whose sensitivity is labelled otherwise. */
export function finder(task: Columns, rows: LabelledRow[]): (row: Row) => LabelledRow | undefined {
  const label = labelField(task);
  const inputs = (row: Row) => keyOf(Object.fromEntries(Object.entries(row).filter(([name]) => name !== label)));
  const same = new Map(rows.map((row) => [keyOf(row.input), row]));
  const near = label === null ? same : new Map(rows.map((row) => [inputs(row.input), row]));
  return (row) => same.get(keyOf(row)) ?? near.get(inputs(row));
}

/** What is sent of a row that is labelled with this; null makes it what it was before: labelled otherwise, or not at all. */
export function rowChanges(task: Columns, row: Row, output: Json | null, earlier: LabelledRow | undefined): RowChange[] {
  const label = labelField(task);
  const tags = earlier?.tags?.length ? { tags: earlier.tags } : {};
  // A row that does not say how sensitive it is stays as sensitive as it was.
  const was = label === null ? undefined : earlier?.input[label];
  const input = label !== null && was !== undefined && short(row[label]) === '' ? { ...row, [label]: was } : row;
  if (!earlier || keyOf(earlier.input) === keyOf(input)) return [{ input, output: output ?? earlier?.output ?? null, ...tags }];
  // With another label it is another row, in the place of the earlier one.
  const before = { input: earlier.input, output: earlier.output, ...tags };
  return output === null ? [{ input, output: null }, before] : [{ ...before, output: null }, { input, output, ...tags }];
}

/** Sends changes one after the other, those that wait together; what failed stays first in line. */
export class Saver {
  private waiting: RowChange[] = [];
  private busy = false;
  saved = 0;

  constructor(
    private readonly name: string,
    private readonly tell: (state: { waiting: number; error: unknown }) => void,
    private readonly send = change,
  ) {}

  add(rows: RowChange[]): void {
    this.waiting.push(...rows);
    void this.flush();
  }

  async flush(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    let error: unknown = null;
    while (this.waiting.length > 0 && error === null) {
      this.tell({ waiting: this.waiting.length, error: null });
      const batch = [...this.waiting];
      try {
        await this.send(this.name, batch);
        this.waiting.splice(0, batch.length);
        this.saved += batch.length;
      } catch (problem) {
        error = problem;
      }
    }
    this.busy = false;
    this.tell({ waiting: this.waiting.length, error });
  }
}
