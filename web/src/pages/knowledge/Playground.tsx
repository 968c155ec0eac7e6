import { useEffect, useRef, useState, type FormEvent } from 'react';
import { path, post } from '../../api/client';
import type { Hit, SearchMode, SearchResult } from '../../api/types';
import { useText } from '../../i18n';
import { duration, share } from '../../lib/format';
import { Icon } from '../../ui/Icon';
import { Button, Failure, Skeleton } from '../../ui/parts';
import type { Place } from '../../ui/SourcePanel';

const TOP = 10;
const modes: SearchMode[] = ['lexical', 'vector', 'hybrid'];
/** What a mode found, or why it could not: words need no embedding model, vectors do. */
type Outcome = PromiseSettledResult<SearchResult>;
type Results = Record<SearchMode, Outcome>;

interface State {
  query: string;
  results: Results | null;
}

/** One question, ranked three ways side by side. */
export function Playground({ base, onOpen }: { base: string; onOpen: (place: Place) => void }) {
  const { t } = useText();
  const [query, setQuery] = useState('');
  const [state, setState] = useState<State | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const search = async (wanted: string) => {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    setState({ query: wanted, results: null });
    const found = await Promise.allSettled(
      modes.map((mode) => post<SearchResult>(`${path.base(base)}/search`, { query: wanted, top: TOP, mode }, control.signal)),
    );
    if (control.signal.aborted) return;
    setState({ query: wanted, results: Object.fromEntries(modes.map((mode, index) => [mode, found[index]])) as Results });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (query.trim() !== '') void search(query.trim());
  };
  return (
    <section className="playground" aria-label={t.playground}>
      <p className="soft">{t.playgroundHelp}</p>
      <form className="row" role="search" onSubmit={submit}>
        <div className="with-icon">
          <Icon name="search" size={16} />
          <input
            className="input"
            type="search"
            data-main-input
            placeholder={t.searchPlaceholder}
            aria-label={t.searchPlaceholder}
            value={query}
            onChange={(event) => setQuery(event.target.value)}
          />
        </div>
        <Button type="submit" look="primary" disabled={query.trim() === ''}>
          {t.search}
        </Button>
      </form>
      {state && state.results === null && <Skeleton lines={6} />}
      {state?.results && <Ranks results={state.results} base={base} onOpen={onOpen} retry={() => void search(state.query)} />}
    </section>
  );
}

interface RanksProps {
  results: Results;
  base: string;
  onOpen: (place: Place) => void;
  retry: () => void;
}

function Ranks({ results, base, onOpen, retry }: RanksProps) {
  const { t, lang } = useText();
  const [pointed, setPointed] = useState<string | null>(null);
  const ready = results.vector.status === 'fulfilled' ? results.vector.value.vectors_ready : 1;
  const columns: { mode: SearchMode; title: string; help: string }[] = [
    { mode: 'lexical', title: t.lexical, help: t.lexicalHelp },
    { mode: 'vector', title: t.vector, help: t.vectorHelp },
    { mode: 'hybrid', title: t.fused, help: t.fusedHelp },
  ];
  return (
    <>
      {ready < 1 && <p className="notice">{t.vectorsReady(share(ready, lang))}</p>}
      <div className="ranks" onMouseLeave={() => setPointed(null)}>
        {columns.map(({ mode, title, help }) => {
          const outcome = results[mode];
          const found = outcome.status === 'fulfilled' ? outcome.value : null;
          const parts = [help, ...(found?.timings ? [t.searchTook(duration(took(found.timings), lang))] : [])];
          return (
            <section key={mode} data-mode={mode} aria-label={title}>
              <header>
                <h2>{title}</h2>
                <p className="soft small figures">{parts.join(' · ')}</p>
              </header>
              {outcome.status === 'rejected' && <Failure error={outcome.reason} retry={retry} />}
              {found?.hits.length === 0 && <p className="soft">{t.noHits}</p>}
              <ol>
                {found?.hits.map((hit, index) => (
                  <li key={hit.id} className={hit.id === pointed ? 'rank same' : 'rank'} onMouseEnter={() => setPointed(hit.id)}>
                    <RankedHit hit={hit} rank={index + 1} fused={mode === 'hybrid'} onOpen={() => onOpen({ ...hit, base })} onFocus={() => setPointed(hit.id)} />
                  </li>
                ))}
              </ol>
            </section>
          );
        })}
      </div>
    </>
  );
}

function took(timings: Record<string, number>): number {
  return (timings.embed_ms ?? 0) + (timings.search_ms ?? 0);
}

interface RankedHitProps {
  hit: Hit;
  rank: number;
  fused: boolean;
  onOpen: () => void;
  onFocus: () => void;
}

function RankedHit({ hit, rank, fused, onOpen, onFocus }: RankedHitProps) {
  const { t } = useText();
  const placed = (name: string, at: number | null | undefined) => `${name} ${at ?? t.rankNone}`;
  return (
    <button type="button" onClick={onOpen} onFocus={onFocus}>
      <span className="rank-number figures">{rank}</span>
      <span className="rank-title clip">{hit.title || hit.document}</span>
      <span className="rank-score soft small figures" title={t.score}>
        {hit.score.toPrecision(3)}
      </span>
      <span className="rank-where soft small clip">
        {[hit.page === null ? hit.document : t.pageShort(hit.page), hit.section].filter(Boolean).join(' · ')}
      </span>
      <span className="rank-text">{hit.text}</span>
      {fused && (
        <span className="rank-from small figures">
          <span className="badge">{placed(t.lexical, hit.lexical_rank)}</span>
          <span className="badge">{placed(t.vector, hit.vector_rank)}</span>
        </span>
      )}
    </button>
  );
}
