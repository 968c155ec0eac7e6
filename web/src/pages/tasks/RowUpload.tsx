import { useRef, useState, type ChangeEvent, type DragEvent } from 'react';
import { upload } from '../../api/client';
import { at, type Task, type Uploaded } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count } from '../../lib/format';
import { Icon } from '../../ui/Icon';
import { Button, Failure, IconButton } from '../../ui/parts';
import { WrongRows } from './DataFacts';
import { labelField, TABLE_FILES } from './rows';

interface Done {
  file: string;
  result: Uploaded;
}

/** Where files of labelled rows are dropped or chosen, and what came of the last. */
export function RowUpload({ task, onDone }: { task: Task; onDone: () => void }) {
  const { t, lang } = useTaskText();
  const [label, setLabel] = useState('');
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState<string | null>(null);
  const [done, setDone] = useState<Done | null>(null);
  const [error, setError] = useState<unknown>(null);
  const files = useRef<HTMLInputElement>(null);
  const sensitivity = labelField(task);
  const send = async (file: File | undefined) => {
    if (!file) return;
    setBusy(file.name);
    setError(null);
    setDone(null);
    try {
      const result = await upload<Uploaded>(at.upload(task.name, file.name, label.trim()), new Blob([file], { type: 'application/octet-stream' }));
      setDone({ file: file.name, result });
      onDone();
    } catch (problem) {
      setError(problem);
    }
    setBusy(null);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void send(event.dataTransfer.files[0]);
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    void send(event.target.files?.[0]);
    event.target.value = '';
  };
  return (
    <>
      <div
        className={over ? 'drop over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <Icon name="upload" />
        <div className="grow">
          <p>
            <strong>{busy === null ? (over ? t.dropNow : t.dropRows) : t.sending(busy)}</strong>
          </p>
          <p className="soft small">{t.dropRowsHelp(task.input.map((field) => field.name).join(', '))}</p>
          {sensitivity !== null && <p className="soft small">{t.sensitivityColumn(sensitivity)}</p>}
        </div>
        <label className="label-column">
          <span className="soft small">{t.labelColumn}</span>
          <input className="input" spellCheck={false} placeholder={t.labelColumnUsual} value={label} onChange={(event) => setLabel(event.target.value)} />
        </label>
        <Button icon="file" disabled={busy !== null} onClick={() => files.current?.click()}>
          {t.chooseFile}
        </Button>
        <input ref={files} type="file" hidden accept={TABLE_FILES} aria-label={t.chooseFile} onChange={choose} />
      </div>
      {error !== null && <Failure error={error} />}
      {done && (
        <div className={done.result.wrong.length > 0 ? 'rejected' : 'accepted'} role="status">
          <header>
            <Icon name={done.result.wrong.length > 0 ? 'warn' : 'check'} size={16} />
            <h3>{t.uploaded(done.file, count(done.result.added, lang), count(done.result.replaced, lang))}</h3>
            <IconButton icon="close" label={t.dismiss} onClick={() => setDone(null)} />
          </header>
          {done.result.unread > 0 && <p className="soft small">{t.unreadCount(done.result.unread)}</p>}
          {done.result.wrong.length > 0 && <WrongRows wrong={done.result.wrong} />}
        </div>
      )}
    </>
  );
}
