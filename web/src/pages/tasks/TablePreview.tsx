import type { Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count } from '../../lib/format';
import { Icon } from '../../ui/Icon';
import { IconButton } from '../../ui/parts';
import { WrongRows } from './DataFacts';
import { columnsOf, short, type OpenTable } from './rows';

/** Rows that are shown before they are run. */
const SHOWN = 5;

/** A file that was read: its first rows, and what is wrong with others. */
export function TablePreview({ task, table, onClose }: { task: Task; table: OpenTable; onClose: () => void }) {
  const { t, lang } = useTaskText();
  const columns = columnsOf(task);
  const { name, rows, wrong } = table;
  return (
    <section className="table-preview" aria-label={name}>
      <header className="row">
        <Icon name="file" size={16} />
        <h3 className="grow clip">{name}</h3>
        <IconButton icon="close" label={t.takeFileOut} onClick={onClose} />
      </header>
      {rows.length > 0 && (
        <table className="table task-table">
          <thead>
            <tr>
              {columns.map((field) => (
                <th scope="col" key={field.name}>
                  {field.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((row, at) => (
              <tr key={at}>
                {columns.map((field) => (
                  <td key={field.name} className="cell-text" data-label={columns.length > 1 ? field.name : undefined}>
                    {short(row[field.name])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length > SHOWN && <p className="soft small">{t.onlyFirst(count(SHOWN, lang), count(rows.length, lang))}</p>}
      {wrong.length > 0 && <WrongRows wrong={wrong} />}
    </section>
  );
}
