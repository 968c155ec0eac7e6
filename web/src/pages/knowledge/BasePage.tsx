import { useEffect, useRef, useState } from 'react';
import { ApiError, follow, get, isRefused, path } from '../../api/client';
import type { DocumentInfo, IngestProgress, KnowledgeBase } from '../../api/types';
import { useText } from '../../i18n';
import { go, Link } from '../../lib/router';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Empty, Failure, IconButton, Skeleton } from '../../ui/parts';
import { SourcePanel, type Place } from '../../ui/SourcePanel';
import { NoEmbedder } from '../models/Offer';
import { askHref, baseHref } from './address';
import { BaseFigures, LeaveBase } from './BaseList';
import { Documents } from './Documents';
import { DropZone } from './DropZone';
import { IngestState } from './IngestState';
import { Playground } from './Playground';

/** Lists are looked at again this often while documents come in. */
const AGAIN = 1500;

/** What is going on in a knowledge base, once there is one to watch; `changed` is called now and then while it goes on, and once after. */
function useProgress(name: string, wanted: boolean, changed: () => void): IngestProgress | null {
  const [progress, setProgress] = useState<IngestProgress | null>(null);
  const latest = useRef(changed);
  latest.current = changed;
  useEffect(() => {
    if (!wanted) return;
    const control = new AbortController();
    let told = performance.now();
    let busy = false;
    let last: string | null = null;
    void follow(`${path.base(name)}/progress`, control.signal, (event) => {
      if (event.event !== 'progress') return;
      const next = JSON.parse(event.data) as IngestProgress;
      setProgress(next);
      // What was short enough to begin and end between two reports has changed something all the same.
      const over = next.done && last !== null && last !== event.data;
      last = event.data;
      busy = !next.done;
      if (over || (busy && performance.now() - told > AGAIN)) {
        told = performance.now();
        latest.current();
      }
    });
    return () => control.abort();
  }, [name, wanted]);
  return progress;
}

/** One knowledge base: its documents, and what searching it finds. */
export function BasePage({ name, view }: { name: string; view: 'documents' | 'search' }) {
  const { t } = useText();
  const base = useLoad(`base ${name}`, (signal) => get<KnowledgeBase>(path.base(name), signal));
  const documents = useLoad(`documents ${name}`, async (signal) => (await get<{ documents: DocumentInfo[] }>(path.documents(name), signal)).documents);
  const reload = () => (base.reload(), documents.reload());
  const [place, setPlace] = useState<Place | null>(null);
  const [leaving, setLeaving] = useState(false);
  const missing = base.error instanceof ApiError && base.error.status === 404;
  const broken = base.value?.error ? new ApiError(base.value.error, 200, null) : null;
  const whole = base.value !== null && broken === null;
  const progress = useProgress(name, whole && !isRefused(base.error), reload);
  return (
    <div className="beside">
      <div>
        <div className="page">
          <header className="page-head">
            <div>
              <Link className="crumb" href="/knowledge">
                <Icon name="back" size={14} />
                {t.allBases}
              </Link>
              <h1>{name}</h1>
              {base.value && whole && <BaseFigures base={base.value} />}
            </div>
            {/* One that cannot be opened can still be deleted. */}
            {(base.value || (base.error instanceof ApiError && base.error.status === 500)) && (
              <div className="row">
                {whole && (
                  <Link className="button primary" href={askHref(name)}>
                    {t.askThis}
                  </Link>
                )}
                <IconButton icon="trash" label={t.deleteBase} onClick={() => setLeaving(true)} />
              </div>
            )}
          </header>
          {base.loading && <Skeleton lines={6} />}
          {missing && (
            <Empty
              title={t.noSuchBase(name)}
              actions={
                <Link className="button" href="/knowledge">
                  {t.allBases}
                </Link>
              }
            />
          )}
          {base.error !== null && !missing && <Failure error={base.error} retry={reload} />}
          {broken && <p className="notice">{t.damagedHelp}</p>}
          {broken && <Failure error={broken} />}
          {whole && (
            <>
              <nav className="segments views" aria-label={name}>
                <Link href={baseHref(name)} aria-current={view === 'documents' ? 'page' : undefined}>
                  {t.documents}
                </Link>
                <Link href={baseHref(name, 'search')} aria-current={view === 'search' ? 'page' : undefined}>
                  {t.playground}
                </Link>
              </nav>
              {view === 'documents' ? (
                <>
                  <DropZone base={name} onSent={reload} />
                  <IngestState base={name} progress={progress} />
                  <NoEmbedder />
                  <Documents base={name} documents={documents} onOpen={setPlace} onChange={reload} />
                </>
              ) : (
                <Playground base={name} onOpen={setPlace} />
              )}
            </>
          )}
        </div>
      </div>
      {place && <SourcePanel place={place} onClose={() => setPlace(null)} />}
      {leaving && <LeaveBase base={base.value ?? { name, documents: 0, error: t.damaged }} onClose={() => setLeaving(false)} onGone={() => go('/knowledge')} />}
    </div>
  );
}
