import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useText } from './i18n';
import { go, Link, useRoute } from './lib/router';
import { ChatPage } from './pages/chat/ChatPage';
import { Conversations } from './pages/chat/Conversations';
import { Icon, type IconName } from './ui/Icon';
import { KeyDialog } from './ui/KeyDialog';
import { KeyboardHelp } from './ui/KeyboardHelp';
import { Empty, Skeleton } from './ui/parts';
import { MoreDialog, Preferences } from './ui/Preferences';

const KnowledgePage = lazy(() => import('./pages/knowledge/KnowledgePage'));
const PredictPage = lazy(() => import('./pages/predict/PredictPage'));
const ModelsPage = lazy(() => import('./pages/models/ModelsPage'));
const TasksPage = lazy(() => import('./pages/tasks/TasksPage'));
const ComparePage = lazy(() => import('./pages/compare/ComparePage'));
const EnginePage = lazy(() => import('./pages/engine/EnginePage'));

/** On a phone the first of these are at the bottom, the rest under More. */
const AT_HAND = 4;

const pages = [
  { href: '/', name: 'chat', short: 'chat', icon: 'chat', key: 'c' },
  { href: '/knowledge', name: 'knowledge', short: 'knowledge', icon: 'book', key: 'k' },
  { href: '/tasks', name: 'tasks', short: 'tasks', icon: 'target', key: 't' },
  { href: '/compare', name: 'compare', short: 'compare', icon: 'scatter', key: 'x' },
  { href: '/predict', name: 'predict', short: 'predictShort', icon: 'bars', key: 'p' },
  { href: '/models', name: 'models', short: 'models', icon: 'cube', key: 'm' },
  { href: '/engine', name: 'engine', short: 'engine', icon: 'gauge', key: 'e' },
] as const satisfies readonly { href: string; name: string; short: string; icon: IconName; key: string }[];

type PageName = (typeof pages)[number]['name'] | null;

function nameOf(parts: string[]): PageName {
  if (parts.length === 0 || (parts[0] === 'chat' && parts.length === 2)) return 'chat';
  const [first] = parts;
  if ((first === 'knowledge' || first === 'tasks' || first === 'compare') && parts.length <= 2) return first;
  if (parts.length === 1 && (first === 'predict' || first === 'models' || first === 'engine')) return first;
  return null;
}

/** The frame around every page: navigation, keys, dialogs that belong to no page. */
export function App() {
  const { t } = useText();
  const { parts, query } = useRoute();
  const [dialog, setDialog] = useState<'keys' | 'more' | null>(null);
  const main = useRef<HTMLElement>(null);
  const current = nameOf(parts);
  const more = pages.slice(AT_HAND).some((page) => page.name === current);
  useKeys(() => setDialog('keys'));
  useEffect(() => {
    document.title = current ? `${t[current]} · Sumeru` : 'Sumeru';
  }, [current, t]);

  return (
    <div className="shell">
      <a className="button skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        {t.skip}
      </a>
      <div className="side">
        <Link className="brand" href="/">
          <img src="/icon.svg" width={24} height={24} alt="" />
          Sumeru
        </Link>
        <nav className="pages" aria-label={t.navigation}>
          {pages.map((page, place) => (
            <Link key={page.name} className={place < AT_HAND ? undefined : 'desk-only'} href={page.href} aria-current={current === page.name ? 'page' : undefined}>
              <Icon name={page.icon} />
              <span className="long">{t[page.name]}</span>
              <span className="short">{t[page.short]}</span>
            </Link>
          ))}
          <button type="button" className={more ? 'phone-only here' : 'phone-only'} onClick={() => setDialog('more')}>
            <Icon name="list" />
            {t.more}
          </button>
        </nav>
        {current === 'chat' && <Conversations current={parts[1] ?? null} />}
        <div className="side-foot">
          <Preferences onKeys={() => setDialog('keys')} />
        </div>
      </div>
      <main className="main" id="main" ref={main} tabIndex={-1}>
        <Suspense fallback={<Waiting />}>
          {current === 'chat' && <ChatPage id={parts[1] ?? null} wantedBase={query.get('kb')} />}
          {current === 'knowledge' && <KnowledgePage name={parts[1] ?? null} view={query.get('view')} />}
          {current === 'tasks' && <TasksPage name={parts[1] ?? null} view={query.get('view')} />}
          {current === 'compare' && <ComparePage name={parts[1] ?? null} decision={query.get('decision')} />}
          {current === 'predict' && <PredictPage />}
          {current === 'models' && <ModelsPage />}
          {current === 'engine' && <EnginePage />}
          {current === null && <Lost />}
        </Suspense>
      </main>
      {dialog === 'keys' && <KeyboardHelp pages={pages} onClose={() => setDialog(null)} />}
      {dialog === 'more' && <MoreDialog pages={pages.slice(AT_HAND)} current={current} onKeys={() => setDialog('keys')} onClose={() => setDialog(null)} />}
      <KeyDialog />
    </div>
  );
}

function Waiting() {
  return (
    <div className="page">
      <Skeleton lines={5} />
    </div>
  );
}

function Lost() {
  const { t } = useText();
  return (
    <div className="page">
      <Empty
        title={t.notFound}
        actions={
          <Link className="button primary" href="/">
            {t.toChat}
          </Link>
        }
      />
    </div>
  );
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** `/` focuses the page's input, `?` lists the keys, g and a letter goes to a page. */
function useKeys(help: () => void): void {
  const latest = useRef(help);
  latest.current = help;
  useEffect(() => {
    let gone = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('dialog[open]')) return;
      const waiting = event.timeStamp - gone < 1500;
      gone = 0;
      if (event.key === '?') latest.current();
      else if (event.key === '/') document.querySelector<HTMLElement>('[data-main-input]')?.focus();
      else if (event.key === 'g') gone = event.timeStamp;
      else {
        const page = waiting && pages.find((one) => one.key === event.key);
        if (!page) return;
        go(page.href);
      }
      event.preventDefault();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, []);
}
