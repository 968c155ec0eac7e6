import { useCallback, useEffect, useState } from 'react';
import { get } from '../../api/client';
import type { Info, KnowledgeBase } from '../../api/types';
import { useText } from '../../i18n';
import { go, Link } from '../../lib/router';
import { keep, recall, useStore } from '../../lib/store';
import { useEscape } from '../../lib/useEscape';
import { useLoad } from '../../lib/useLoad';
import { Empty, Failure, IconButton, Skeleton } from '../../ui/parts';
import { SourcePanel, type Place } from '../../ui/SourcePanel';
import { Composer } from './Composer';
import { conversations, full, newId, save, titleOf, type Conversation } from './conversations';
import { ConversationsDialog } from './Conversations';
import { NoModel } from './NoModel';
import { ask, live, stop } from './session';
import { Thread } from './Thread';

/** Comes with `make run`; the page knows questions it can answer. */
const SAMPLE = 'sample';
const CHOICE = 'sumeru.chat.choice';

interface Choice {
  base?: string | null;
  model?: string | null;
}

/** What a new conversation starts with: what was asked for, what was used last, or the sample. */
function firstBase(bases: KnowledgeBase[], wanted: string | null): string | null {
  const has = (name: string | null | undefined) => bases.some((one) => one.name === name);
  if (has(wanted)) return wanted;
  const last = recall<Choice>(CHOICE, {}).base;
  if (last === null || has(last)) return last ?? null;
  return has(SAMPLE) ? SAMPLE : (bases[0]?.name ?? null);
}

function firstModel(models: string[]): string | null {
  const last = recall<Choice>(CHOICE, {}).model;
  return last && models.includes(last) ? last : null;
}

/** Questions and answers, the source beside them. */
export function ChatPage({ id, wantedBase }: { id: string | null; wantedBase: string | null }) {
  const { t } = useText();
  const info = useLoad('info', (signal) => get<Info>('/v1/info', signal));
  const bases = useLoad('bases', async (signal) => (await get<{ knowledge_bases: KnowledgeBase[] }>('/v1/knowledge_bases', signal)).knowledge_bases);
  const reload = () => (info.reload(), bases.reload());
  const error = info.error ?? bases.error;
  if (error !== null) {
    return (
      <div className="page">
        <Failure error={error} retry={reload} />
      </div>
    );
  }
  if (!info.value || !bases.value) {
    return (
      <div className="page">
        <Skeleton lines={6} />
      </div>
    );
  }
  if (info.value.default_model === null) return <NoModel preferred={info.value.preferred_model} onReady={info.reload} title={t.noModel} searches />;
  // One that cannot be opened answers nothing.
  const whole = bases.value.filter((base) => !base.error);
  return <Chat id={id} wantedBase={wantedBase} info={info.value} bases={whole} />;
}

interface ChatProps {
  id: string | null;
  wantedBase: string | null;
  info: Info;
  bases: KnowledgeBase[];
}

/** The conversation of the address, or one not begun yet, and what changes it. */
function useConversation(id: string | null, wantedBase: string | null, info: Info, bases: KnowledgeBase[]) {
  const all = useStore(conversations);
  const [draft, setDraft] = useState<Choice>({});
  useEffect(() => setDraft({}), [id, wantedBase]);
  const kept = id === null ? null : (all.find((one) => one.id === id) ?? null);
  const base = draft.base === undefined ? firstBase(bases, wantedBase) : draft.base;
  const model = draft.model === undefined ? firstModel(info.language_models) : draft.model;
  const current: Conversation = kept ?? { id: '', base, model, exchanges: [], updated: 0 };
  // A model that was deleted since gives way to the default.
  const answering = current.model !== null && info.language_models.includes(current.model) ? current.model : info.default_model;
  const choose = (choice: Choice) => {
    keep(CHOICE, { ...recall<Choice>(CHOICE, {}), ...choice });
    if (kept) save({ ...kept, ...choice });
    else setDraft((old) => ({ ...old, ...choice }));
  };
  const send = (question: string) => {
    if (kept) return ask(kept, answering, question);
    const next = { ...current, id: newId() };
    ask(next, answering, question);
    go(`/chat/${next.id}`);
  };
  return { current, answering, choose, send, missing: id !== null && kept === null };
}

function Chat({ id, wantedBase, info, bases }: ChatProps) {
  const { t } = useText();
  const { current, answering, choose, send, missing } = useConversation(id, wantedBase, info, bases);
  const running = useStore(live)[current.id] ?? null;
  const noRoom = useStore(full);
  const [place, setPlace] = useState<Place | null>(null);
  const [listed, setListed] = useState(false);
  useEffect(() => setPlace(null), [id]);
  useEscape(running ? () => stop(current.id) : null);
  const open = useCallback((next: Place) => setPlace(next), []);
  const resend = (question: string, at: number) => ask(current, answering, question, at);

  if (missing) {
    return (
      <div className="page">
        <Empty
          title={t.noConversation}
          actions={
            <Link className="button primary" href="/">
              {t.newChat}
            </Link>
          }
        />
      </div>
    );
  }
  const composer = (
    <Composer
      key={current.id}
      conversation={current}
      bases={bases}
      info={info}
      model={answering}
      running={running !== null}
      onChoose={choose}
      onSend={send}
      onStop={() => stop(current.id)}
    />
  );
  return (
    <div className="beside">
      <div className="chat">
        <header className="chat-head phone-head">
          <IconButton icon="list" label={t.conversations} onClick={() => setListed(true)} />
          <h1 className="clip">{current.exchanges.length > 0 ? titleOf(current, t.newChat) : t.newChat}</h1>
          <IconButton icon="plus" label={t.newChat} onClick={() => go('/')} />
        </header>
        {noRoom && <p className="notice">{t.storageFull}</p>}
        {current.exchanges.length === 0 ? (
          <Welcome base={current.base} onAsk={send}>
            {composer}
          </Welcome>
        ) : (
          <Thread conversation={current} live={running} onOpen={open} onResend={resend}>
            {composer}
          </Thread>
        )}
      </div>
      {place && <SourcePanel place={place} onClose={() => setPlace(null)} />}
      {listed && <ConversationsDialog current={id} onClose={() => setListed(false)} />}
    </div>
  );
}

interface WelcomeProps {
  base: string | null;
  onAsk: (question: string) => void;
  children: React.ReactNode;
}

/** What a conversation looks like before its first question. */
function Welcome({ base, onAsk, children }: WelcomeProps) {
  const { t } = useText();
  return (
    <div className="welcome">
      <div className="column">
        <h1>{base === null ? t.askModel : t.askBase(base)}</h1>
        <p className="soft">{base === null ? t.askModelHelp : t.askBaseHelp}</p>
        {children}
        {base === SAMPLE && (
          <section className="suggestions">
            <h2>{t.tryAsking}</h2>
            <ul>
              {t.sampleQuestions.map((question) => (
                <li key={question}>
                  <button type="button" onClick={() => onAsk(question)}>
                    {question}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </div>
  );
}
