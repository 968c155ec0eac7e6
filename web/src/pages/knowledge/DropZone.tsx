import { useRef, useState, type ChangeEvent, type DragEvent } from 'react';
import { useText } from '../../i18n';
import { Icon } from '../../ui/Icon';
import { Button } from '../../ui/parts';
import { chosenFiles, droppedFiles } from './files';
import { refuse, send } from './uploads';

/** Where files and folders are dropped, or chosen. */
export function DropZone({ base, onSent }: { base: string; onSent: () => void }) {
  const { t } = useText();
  const [over, setOver] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const drag = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    setOver(true);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void droppedFiles(event.dataTransfer).then(
      (found) => send(base, found, onSent),
      (error: unknown) => refuse(base, error),
    );
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    void send(base, chosenFiles(event.target.files), onSent);
    // The same file can be chosen again.
    event.target.value = '';
  };
  return (
    <div className={over ? 'drop over' : 'drop'} onDragOver={drag} onDragLeave={() => setOver(false)} onDrop={drop}>
      <Icon name="upload" />
      <div className="grow">
        <p>
          <strong>{over ? t.dropNow : t.dropHere}</strong>
        </p>
        <p className="soft small">{t.dropFormats}</p>
      </div>
      <div className="row">
        <Button icon="file" onClick={() => files.current?.click()}>
          {t.chooseFiles}
        </Button>
        <Button icon="folder" onClick={() => folder.current?.click()}>
          {t.chooseFolder}
        </Button>
      </div>
      <input ref={files} type="file" multiple hidden aria-label={t.chooseFiles} onChange={choose} />
      <input ref={folder} type="file" hidden aria-label={t.chooseFolder} onChange={choose} {...{ webkitdirectory: '' }} />
    </div>
  );
}
