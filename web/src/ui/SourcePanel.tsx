import { useEffect, useRef, useState } from 'react';
import { get, path } from '../api/client';
import type { DocumentText, Span } from '../api/types';
import { useText } from '../i18n';
import { reason } from '../i18n/reasons';
import { cut, sheetsAround } from '../lib/text';
import { useLoad } from '../lib/useLoad';
import { useEscape } from '../lib/useEscape';
import { Icon } from './Icon';
import { Button, Failure, IconButton, Skeleton } from './parts';

/** A place in a document of a knowledge base. */
export interface Place {
  base: string;
  document: string;
  title: string;
  page: number | null;
  section?: string;
  span: Span | null;
}

/** Characters shown to each side of the place; more come with a click. */
const REACH = 4000;

/** A document beside the page: opened at the place, the quotation highlighted. */
export function SourcePanel({ place, onClose }: { place: Place; onClose: () => void }) {
  const { t } = useText();
  const loaded = useLoad(`${place.base}\n${place.document}`, (signal) => get<DocumentText>(path.document(place.base, place.document), signal));
  useEscape(onClose);
  return (
    <aside className="panel" aria-label={t.source}>
      <header>
        <Icon name="file" />
        <div>
          <h2 className="clip">{place.title || place.document}</h2>
          <p className="soft small clip">{[place.document, place.page === null ? null : t.pageShort(place.page), place.section].filter(Boolean).join(' · ')}</p>
        </div>
        <IconButton icon="close" label={t.close} onClick={onClose} />
      </header>
      {loaded.loading && (
        <div className="panel-body">
          <Skeleton lines={9} />
        </div>
      )}
      {loaded.error !== null && (
        <div className="panel-body">
          <Failure error={loaded.error} retry={loaded.reload} />
        </div>
      )}
      {loaded.value && <Sheets key={`${place.document} ${place.span?.join('-') ?? ''}`} document={loaded.value} span={place.span} />}
    </aside>
  );
}

function Sheets({ document, span }: { document: DocumentText; span: Span | null }) {
  const { t, lang } = useText();
  const [reach, setReach] = useState(REACH);
  const body = useRef<HTMLDivElement>(null);
  const { sheets, mark } = sheetsAround(document.text, document.pages, span, reach);
  useEffect(() => {
    // Only the panel is scrolled; scrollIntoView would move the page under it too.
    const box = body.current;
    const quoted = box?.querySelector('mark');
    if (box && quoted) box.scrollTop += quoted.getBoundingClientRect().top - box.getBoundingClientRect().top - 96;
  }, []);
  const first = sheets[0];
  const last = sheets[sheets.length - 1];
  const further = () => setReach((old) => old * 4);
  return (
    <div className="panel-body" ref={body} tabIndex={0} role="region" aria-label={document.title}>
      {document.warnings.map((warning) => (
        <p className="notice" key={warning}>
          <Icon name="warn" size={16} />
          {reason(warning, lang)}
        </p>
      ))}
      {document.text.trim() === '' && <p className="soft">{t.emptyText}</p>}
      {first && first.start > 0 && (
        <Button className="quiet" onClick={further}>
          {t.earlier}
        </Button>
      )}
      {sheets.map((sheet) => {
        const [before, quoted, after] = cut(document.text, sheet, mark);
        return (
          <section className="sheet" key={sheet.page ?? 0} data-page={sheet.page ?? undefined}>
            {sheet.page !== null && <h3>{t.page(sheet.page)}</h3>}
            <pre>
              {before}
              {quoted && <mark aria-label={t.quoted}>{quoted}</mark>}
              {after}
            </pre>
          </section>
        );
      })}
      {last && last.end < document.text.length && (
        <Button className="quiet" onClick={further}>
          {t.later}
        </Button>
      )}
    </div>
  );
}
