import { memo, useMemo, useState, type FocusEvent, type MouseEvent, type ReactNode } from 'react';
import { ApiError } from '../../api/client';
import type { Citation, Timings } from '../../api/types';
import { useText } from '../../i18n';
import type { Lang, Text } from '../../i18n/catalogue';
import { count, duration } from '../../lib/format';
import { render } from '../../lib/markdown';
import { number, placeCitations } from '../../lib/text';
import { Icon } from '../../ui/Icon';
import { copyText, CopyButton, Failure } from '../../ui/parts';
import type { Place } from '../../ui/SourcePanel';
import { Tip } from '../../ui/Tip';
import type { Found, Reply } from './conversations';

interface AnswerProps {
  reply: Reply | null;
  onOpen: (place: Place) => void;
  children: ReactNode;
}

/** A finished answer with what backs it. */
export function Answer({ reply, onOpen, children }: AnswerProps) {
  const { t } = useText();
  if (!reply) {
    return (
      <section className="answer" aria-label={t.answer}>
        <p className="soft">{t.stopped}</p>
        <div className="row answer-tools">{children}</div>
      </section>
    );
  }
  const open = (place: Omit<Place, 'base'>) => reply.base !== null && onOpen({ ...place, base: reply.base });
  return (
    <section className="answer" aria-label={t.answer}>
      {reply.found.length > 0 && <Passages found={reply.found} onOpen={open} />}
      <Prose text={reply.text} citations={reply.citations} onOpen={open} />
      {reply.end === 'failed' && <Failure error={reply.error === null ? new TypeError() : new ApiError(reply.error, 200, reply.code ?? null)} />}
      {reply.end === 'stopped' && <p className="soft small">{t.stopped}</p>}
      {reply.end === 'length' && <p className="notice">{t.lengthNote}</p>}
      {reply.dropped > 0 && (
        <p className="notice">
          <Icon name="warn" size={16} />
          {t.droppedNote(reply.dropped)}
        </p>
      )}
      {reply.supported === false && (
        <p className="notice">
          <Icon name="warn" size={16} />
          {t.noSupport}
        </p>
      )}
      {reply.citations.length > 0 && <Sources citations={reply.citations} onOpen={open} />}
      <div className="row answer-tools">
        {reply.text !== '' && <CopyButton text={reply.text} />}
        {children}
        <Measures reply={reply} />
      </div>
    </section>
  );
}

type Open = (place: Omit<Place, 'base'>) => void;

interface Hovered {
  citation: Citation;
  anchor: DOMRect;
}

function under<T extends HTMLElement>(target: EventTarget, selector: string): T | null {
  return target instanceof Element ? target.closest<T>(selector) : null;
}

const Prose = memo(ProseView, (old, next) => old.text === next.text && old.citations === next.citations);

function ProseView({ text, citations, onOpen }: { text: string; citations: Citation[]; onOpen: Open }) {
  const { t } = useText();
  const [hovered, setHovered] = useState<Hovered | null>(null);
  const html = useMemo(() => {
    const markers = citations.map((citation) => number(citation.marker));
    return { __html: render(placeCitations(text, citations), markers, { copy: t.copy, citation: t.citation }) };
  }, [text, citations, t]);
  const citationAt = (target: EventTarget) => {
    const button = under<HTMLButtonElement>(target, '[data-cite]');
    const citation = button && citations[Number(button.dataset.cite)];
    return button && citation ? { citation, anchor: button.getBoundingClientRect() } : null;
  };
  const click = (event: MouseEvent) => {
    const code = under<HTMLButtonElement>(event.target, '[data-copy]');
    if (code) void copyText(code.closest('.code')?.querySelector('code')?.textContent ?? '').then(() => (code.textContent = t.copied));
    const cited = citationAt(event.target);
    if (!cited) return;
    setHovered(null);
    onOpen(cited.citation);
  };
  const show = (event: MouseEvent | FocusEvent) => setHovered(citationAt(event.target));
  return (
    <>
      <div
        className="prose"
        onClick={click}
        onMouseOver={show}
        onMouseLeave={() => setHovered(null)}
        onFocus={(event) => event.target.matches(':focus-visible') && show(event)}
        onBlur={() => setHovered(null)}
        dangerouslySetInnerHTML={html}
      />
      {hovered && (
        <Tip anchor={hovered.anchor}>
          <strong>{hovered.citation.title || hovered.citation.document}</strong>
          <span className="soft small">{where(hovered.citation, t.pageShort)}</span>
          <q>{hovered.citation.quote}</q>
        </Tip>
      )}
    </>
  );
}

function where(place: { document: string; page: number | null; section: string }, page: (n: number) => string): string {
  return [place.document, place.page === null ? null : page(place.page), place.section].filter(Boolean).join(' · ');
}

/** One line for each document and page that is cited. */
function Sources({ citations, onOpen }: { citations: Citation[]; onOpen: Open }) {
  const { t } = useText();
  const seen = new Set<string>();
  const shown = citations.filter((citation) => {
    const key = `${citation.marker} ${citation.document} ${citation.page ?? ''} ${citation.section}`;
    return !seen.has(key) && seen.add(key);
  });
  return (
    <section className="sources">
      <h3>{t.sources}</h3>
      <ul>
        {shown.map((citation) => (
          <li key={`${citation.marker} ${citation.span.join('-')}`}>
            <button type="button" onClick={() => onOpen(citation)} title={t.openSource(citation.title || citation.document)}>
              <span className="cite">{number(citation.marker)}</span>
              <span className="clip">{citation.title || citation.document}</span>
              <span className="soft small clip">{where(citation, t.pageShort)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Every passage the model was given, cited or not. */
function Passages({ found, onOpen }: { found: Found[]; onOpen: Open }) {
  const { t } = useText();
  return (
    <details className="found">
      <summary className="found-line soft small">{t.passagesRead(found.length)}</summary>
      <ol>
        {found.map((passage, index) => (
          <li key={`${passage.document} ${passage.span.join('-')}`}>
            <button type="button" onClick={() => onOpen(passage)}>
              <span className="soft figures">{index + 1}</span>
              <span className="clip">{passage.title || passage.document}</span>
              <span className="soft small clip">{where(passage, t.pageShort)}</span>
            </button>
          </li>
        ))}
      </ol>
    </details>
  );
}

function Measures({ reply }: { reply: Reply }) {
  const { t, lang } = useText();
  const { usage, timings, model } = reply;
  // Where search found nothing that answers, no model read or wrote.
  const asked = usage !== null && usage.prompt_tokens > 0;
  const parts = [model, ...times(timings, asked, t, lang)];
  if (asked) parts.push(t.tokensUsed(count(usage.prompt_tokens, lang), count(usage.completion_tokens, lang)));
  return <p className="measures soft small figures">{parts.filter(Boolean).join(' · ')}</p>;
}

function times(timings: Timings | null, asked: boolean, t: Text, lang: Lang): string[] {
  if (!timings) return [];
  const shown = (ms?: number) => duration(ms ?? 0, lang);
  return [
    ...(timings.search_ms ? [t.searchTime(shown(timings.search_ms))] : []),
    ...(asked ? [t.modelTime(shown(timings.prompt_ms), shown(timings.generate_ms))] : []),
  ];
}
