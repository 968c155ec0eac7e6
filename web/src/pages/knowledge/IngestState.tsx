import type { IngestProgress } from '../../api/types';
import { useText } from '../../i18n';
import { reason } from '../../i18n/reasons';
import { count, remaining } from '../../lib/format';
import { useStore } from '../../lib/store';
import { Icon } from '../../ui/Icon';
import { Bar, Button, Failure } from '../../ui/parts';
import { dismiss, dismissed, failuresOf, uploads } from './uploads';

/** Sending, parsing, vectors: what is going on, and what did not work. */
export function IngestState({ base, progress }: { base: string; progress: IngestProgress | null }) {
  const { t, lang } = useText();
  const upload = useStore(uploads)[base];
  const failed = failuresOf(upload, progress?.failed, useStore(dismissed)[base]);
  return (
    <>
      {upload?.running && (
        <div className="working-box" role="status">
          <p>{t.uploading(upload.done, upload.total)}</p>
          <Bar share={upload.done / upload.total} label={t.uploading(upload.done, upload.total)} />
        </div>
      )}
      {progress && !progress.done && <Ingesting progress={progress} />}
      {upload !== undefined && upload.error !== null && <Failure error={upload.error} />}
      {failed.length > 0 && (
        <div className="rejected" role="alert">
          <header>
            <Icon name="warn" size={16} />
            <h3>{t.rejected(failed.length)}</h3>
            <Button className="quiet" onClick={() => dismiss(base, failed)}>
              {t.dismiss}
            </Button>
          </header>
          <ul>
            {failed.map(({ name, error }) => (
              <li key={name}>
                <strong>{name}</strong> <span>{reason(error, lang)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function Ingesting({ progress }: { progress: IngestProgress }) {
  const { t, lang } = useText();
  const { documents_done: done, documents_total: total, vectors, passages, rate } = progress;
  const parsing = done < total;
  const words = [parsing ? t.parsed(count(done, lang), count(total, lang)) : t.vectorsDone(count(vectors, lang), count(passages, lang))];
  if (rate > 0) {
    // Documents a second while they are read, passages a second after that.
    const speed = new Intl.NumberFormat(lang, { maximumSignificantDigits: 2 }).format(rate);
    words.push(t.perSecond(parsing ? t.documentCount(speed) : t.passageCount(speed)));
    words.push(t.left(remaining(((parsing ? total - done : passages - vectors) / rate) * 1000, lang)));
  }
  return (
    <div className="working-box" role="status">
      <p className="figures">{words.join(' · ')}</p>
      <Bar share={parsing ? done / Math.max(1, total) : vectors / Math.max(1, passages)} label={t.ingesting} />
      {progress.current && <p className="soft small clip">{progress.current}</p>}
    </div>
  );
}
