import { useMemo, useState } from 'react';
import type { LabelledRow, Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count } from '../../lib/format';
import { saveText } from '../../lib/save';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Button, Confirm, Empty, Failure, Skeleton } from '../../ui/parts';
import { DataFacts } from './DataFacts';
import { labelsOf } from './form';
import { allRows, change, MOST } from './labels';
import { RowDialog } from './RowDialog';
import { short } from './rows';
import { RowTable } from './RowTable';
import { RowUpload } from './RowUpload';

/** Labelled rows of a task: what is there, what is wrong with it, and the ways in and out. */
export function RowsView({ task, onChange }: { task: Task; onChange: () => void }) {
  const { t, lang } = useTaskText();
  const loaded = useLoad(`rows ${task.name}`, (signal) => allRows(task.name, signal));
  const [filter, setFilter] = useState({ text: '', label: '', tag: '', rows: null as number[] | null });
  const [editing, setEditing] = useState<LabelledRow | 'new' | null>(null);
  const [leaving, setLeaving] = useState<LabelledRow | null>(null);
  const reload = () => (loaded.reload(), onChange());
  const rows = useMemo(() => loaded.value?.rows ?? [], [loaded.value]);
  const labels = labelsOf(task.output) ?? Object.keys(loaded.value?.report?.labels ?? {});
  const tags = useMemo(() => [...new Set(rows.flatMap((row) => row.tags ?? []))].sort(), [rows]);
  const shown = useMemo(() => {
    const needle = filter.text.trim().toLowerCase();
    return rows.map((row, at) => ({ row, number: at + 1 })).filter(({ row, number }) =>
      (filter.rows === null || filter.rows.includes(number))
      && (filter.label === '' || short(row.output) === filter.label)
      && (filter.tag === '' || row.tags?.includes(filter.tag))
      && (needle === '' || `${Object.values(row.input).map(short).join('\n')}\n${short(row.output)}`.toLowerCase().includes(needle)));
  }, [rows, filter]);
  const download = () => saveText(`${task.name}.jsonl`, 'application/jsonl', rows.map(({ input, output, tags: own }) => `${JSON.stringify({ input, output, ...(own?.length ? { tags: own } : {}) })}\n`).join(''));
  const { value } = loaded;
  return (
    <section className="labelled" aria-label={t.viewRows}>
      <RowUpload task={task} onDone={reload} />
      {loaded.error !== null && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.loading && <Skeleton lines={6} />}
      {value?.total === 0 && (
        <Empty title={t.noRows} actions={<Button icon="plus" onClick={() => setEditing('new')}>{t.addRow}</Button>}>
          {t.noRowsHelp}
        </Empty>
      )}
      {value && value.total > 0 && (
        <>
          {value.report && <DataFacts report={value.report} onRows={(list) => setFilter({ text: '', label: '', tag: '', rows: list })} onLabel={(label) => setFilter({ ...filter, rows: null, label })} />}
          <div className="row filters">
            <div className="with-icon">
              <Icon name="search" size={16} />
              <input className="input" type="search" data-main-input placeholder={t.filterRows} aria-label={t.filterRows} value={filter.text} onChange={(event) => setFilter({ ...filter, text: event.target.value })} />
            </div>
            {labels.length > 0 && <Picked label={t.label} all={t.anyLabel} value={filter.label} values={labels} onChange={(label) => setFilter({ ...filter, label })} />}
            {tags.length > 0 && <Picked label={t.tag} all={t.anyTag} value={filter.tag} values={tags} onChange={(tag) => setFilter({ ...filter, tag })} />}
            {filter.rows !== null && (
              <Button icon="close" onClick={() => setFilter({ ...filter, rows: null })}>
                {t.onlyRows(filter.rows.map((number) => count(number, lang)).slice(0, 6).join(lang === 'zh' ? '\u3001' : ', '))}
              </Button>
            )}
            <span className="grow" />
            <Button icon="plus" onClick={() => setEditing('new')}>
              {t.addRow}
            </Button>
            <Button icon="down" onClick={download}>
              {t.download('JSONL')}
            </Button>
          </div>
          {value.total > MOST && <p className="notice">{t.onlyFirst(count(MOST, lang), count(value.total, lang))}</p>}
          {shown.length === 0 ? <p className="soft">{t.noRowMatches}</p> : <RowTable task={task} rows={shown} onEdit={setEditing} onDelete={setLeaving} />}
        </>
      )}
      {editing !== null && <RowDialog task={task} row={editing === 'new' ? null : editing} onClose={() => setEditing(null)} onDone={reload} />}
      {leaving && (
        <Confirm
          title={t.deleteRow}
          text={t.deleteRowConfirm(task.input.map((field) => short(leaving.input[field.name])).find((text) => text !== '')?.slice(0, 80) ?? '')}
          act={async () => {
            await change(task.name, [{ input: leaving.input, output: null }]);
            reload();
          }}
          onClose={() => setLeaving(null)}
        />
      )}
    </section>
  );
}

function Picked({ label, all, value, values, onChange }: { label: string; all: string; value: string; values: string[]; onChange: (value: string) => void }) {
  return (
    <label className="select" title={label}>
      <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{all}</option>
        {values.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}
