import { useState } from 'react';
import type { LabelledRow, Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count } from '../../lib/format';
import { Button, IconButton } from '../../ui/parts';
import { labelsOf } from './form';
import { columnsOf, short } from './rows';
import { Value } from './Value';

const PAGE = 50;

interface RowTableProps {
  task: Task;
  rows: { row: LabelledRow; number: number }[];
  onEdit: (row: LabelledRow) => void;
  onDelete: (row: LabelledRow) => void;
}

/** Labelled rows, a page at a time. */
export function RowTable({ task, rows, onEdit, onDelete }: RowTableProps) {
  const { t, lang } = useTaskText();
  const [page, setPage] = useState(0);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  const now = Math.min(page, pages - 1);
  const labels = labelsOf(task.output) !== null;
  const columns = columnsOf(task);
  return (
    <>
      <table className="table task-table">
        <thead>
          <tr>
            <th scope="col" className="number">
              #
            </th>
            {columns.map((field) => (
              <th scope="col" key={field.name}>
                {field.name}
              </th>
            ))}
            <th scope="col">{t.label}</th>
            <th scope="col">
              <span className="hidden-text">{t.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(now * PAGE, (now + 1) * PAGE).map(({ row, number }) => (
            <tr key={row.id}>
              <td className="number soft">{count(number, lang)}</td>
              {columns.map((field) => (
                <td key={field.name} className="cell-text" data-label={columns.length > 1 ? field.name : undefined}>
                  {short(row.input[field.name])}
                </td>
              ))}
              <td className="cell-value">
                <Value value={row.output} label={labels} />
                {row.tags?.map((tag) => (
                  <span key={tag} className="tag soft small">
                    {tag}
                  </span>
                ))}
              </td>
              <td className="cell-actions">
                <IconButton icon="pencil" label={t.editRow(number)} onClick={() => onEdit(row)} />
                <IconButton icon="trash" label={t.deleteRowNumber(number)} onClick={() => onDelete(row)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <nav className="row pager" aria-label={t.pages}>
        <p className="soft small figures grow" role="status">
          {t.rowsShown(count(now * PAGE + 1, lang), count(Math.min(rows.length, (now + 1) * PAGE), lang), count(rows.length, lang))}
        </p>
        {pages > 1 && (
          <>
            <Button icon="back" disabled={now === 0} onClick={() => setPage(now - 1)}>
              {t.previousPage}
            </Button>
            <Button disabled={now === pages - 1} onClick={() => setPage(now + 1)}>
              {t.nextPage}
            </Button>
          </>
        )}
      </nav>
    </>
  );
}
