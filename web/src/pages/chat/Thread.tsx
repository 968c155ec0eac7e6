import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { useText } from '../../i18n';
import { Button, CopyButton, IconButton } from '../../ui/parts';
import type { Place } from '../../ui/SourcePanel';
import { Answer } from './Answer';
import { GrowingText } from './Composer';
import type { Conversation, Exchange } from './conversations';
import { LiveAnswer } from './LiveAnswer';
import type { Live } from './session';

interface ThreadProps {
  conversation: Conversation;
  live: Live | null;
  onOpen: (place: Place) => void;
  onResend: (question: string, at: number) => void;
  children: ReactNode;
}

/** Nearer to the end than this counts as being there. */
const NEAR = 80;

/** Follows the end while the reader is there, and never moves what someone reads further up. */
function useFollow(exchanges: number, text: string) {
  const box = useRef<HTMLDivElement>(null);
  const [away, setAway] = useState(false);
  const following = useRef(true);
  const toEnd = () => {
    following.current = true;
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(toEnd, [exchanges]);
  useEffect(() => {
    if (following.current) toEnd();
  }, [text]);
  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    following.current = near;
    setAway(!near);
  };
  return { box, away, toEnd, onScroll };
}

/** The questions and answers of a conversation. */
export function Thread({ conversation, live, onOpen, onResend, children }: ThreadProps) {
  const { t } = useText();
  const { exchanges } = conversation;
  const last = exchanges[exchanges.length - 1];
  const { box, away, toEnd, onScroll } = useFollow(exchanges.length, `${last?.id} ${live?.stage} ${live?.text.length} ${last?.reply !== null}`);
  return (
    <>
      <div className="thread" ref={box} onScroll={onScroll}>
        <div className="column">
          {exchanges.map((exchange, index) => (
            <article className="exchange" key={exchange.id}>
              <Question exchange={exchange} busy={live !== null} onResend={(question) => onResend(question, index)} />
              {live?.exchange === exchange.id && exchange.reply === null ? (
                <LiveAnswer live={live} base={conversation.base} />
              ) : (
                <Answer reply={exchange.reply} onOpen={onOpen}>
                  {exchange === last && live === null && (
                    <IconButton icon="redo" label={t.regenerate} onClick={() => onResend(exchange.question, index)} />
                  )}
                </Answer>
              )}
            </article>
          ))}
        </div>
      </div>
      <div className="chat-foot">
        {away && (
          <Button className="to-end" icon="down" onClick={toEnd}>
            {t.toBottom}
          </Button>
        )}
        <div className="column">{children}</div>
      </div>
    </>
  );
}

function Question({ exchange, busy, onResend }: { exchange: Exchange; busy: boolean; onResend: (question: string) => void }) {
  const { t } = useText();
  const [edited, setEdited] = useState<string | null>(null);
  if (edited !== null) {
    const resend = () => {
      if (edited.trim() === '') return;
      setEdited(null);
      onResend(edited.trim());
    };
    return (
      <form className="question editing" onSubmit={(event) => (event.preventDefault(), resend())}>
        <GrowingText className="input" label={t.edit} value={edited} onChange={setEdited} onSend={resend} autoFocus />
        <div className="row end">
          <Button onClick={() => setEdited(null)}>{t.cancel}</Button>
          <Button look="primary" type="submit">
            {t.saveAndSend}
          </Button>
        </div>
      </form>
    );
  }
  return (
    <div className="question">
      <div className="question-tools">
        <CopyButton text={exchange.question} />
        {!busy && <IconButton icon="pencil" label={t.edit} onClick={() => setEdited(exchange.question)} />}
      </div>
      <p>
        <span className="hidden-text">{t.you}: </span>
        {exchange.question}
      </p>
    </div>
  );
}
