import { useState } from 'react';
import { useText } from '../../i18n';
import { go, Link } from '../../lib/router';
import { useStore } from '../../lib/store';
import { Confirm, Dialog, IconButton } from '../../ui/parts';
import { conversations, forget, titleOf, type Conversation } from './conversations';
import { live, stop } from './session';

/** The conversations kept in this browser. */
export function Conversations({ current, onPick }: { current: string | null; onPick?: () => void }) {
  const { t } = useText();
  const list = useStore(conversations);
  const running = useStore(live);
  const [leaving, setLeaving] = useState<Conversation | null>(null);
  const drop = async (id: string) => {
    stop(id);
    forget(id);
    if (id === current) go('/', true);
  };
  return (
    <section className="conversations" aria-label={t.conversations}>
      <header>
        <h2>{t.conversations}</h2>
        <IconButton icon="plus" label={t.newChat} onClick={() => (go('/'), onPick?.())} />
      </header>
      {list.length === 0 && <p className="soft small">{t.noConversations}</p>}
      <ul>
        {list.map((one) => {
          const title = titleOf(one, t.newChat);
          return (
            <li key={one.id}>
              <Link href={`/chat/${one.id}`} aria-current={one.id === current ? 'page' : undefined} title={title} onClick={onPick}>
                <span className="clip">{title}</span>
                {running[one.id] && <i className="pulse" aria-label={t.stepWriting} />}
              </Link>
              <IconButton icon="trash" label={t.deleteConversation(title)} onClick={() => setLeaving(one)} />
            </li>
          );
        })}
      </ul>
      {leaving && (
        <Confirm
          title={t.deleteConversation(titleOf(leaving, t.newChat))}
          text={t.deleteConversationConfirm}
          act={() => drop(leaving.id)}
          onClose={() => setLeaving(null)}
        />
      )}
    </section>
  );
}

/** The same in a dialog, for phones. */
export function ConversationsDialog({ current, onClose }: { current: string | null; onClose: () => void }) {
  const { t } = useText();
  return (
    <Dialog title={t.conversations} onClose={onClose}>
      <Conversations current={current} onPick={onClose} />
    </Dialog>
  );
}
