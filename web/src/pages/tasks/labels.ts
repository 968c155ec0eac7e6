import { get, post } from '../../api/client';
import { at, type DataReport, type LabelledRow, type RowChange, type Rows } from '../../api/tasks';

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
