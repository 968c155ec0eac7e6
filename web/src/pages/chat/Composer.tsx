import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import type { Info, KnowledgeBase } from '../../api/types';
import { useText } from '../../i18n';
import { Select } from '../../ui/Select';
import { IconButton } from '../../ui/parts';
import type { Conversation } from './conversations';

interface ComposerProps {
  conversation: Conversation;
  bases: KnowledgeBase[];
  info: Info;
  model: string | null;
  running: boolean;
  onChoose: (choice: { base?: string | null; model?: string | null }) => void;
  onSend: (question: string) => void;
  onStop: () => void;
}

/** Grows with its text; Enter sends, unless a word is being composed. */
export function GrowingText({ value, onChange, onSend, label, ...rest }: GrowingTextProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [value]);
  const press = (event: KeyboardEvent) => {
    // keyCode 229 is how Safari marks the Enter that ends a composition.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    onSend();
  };
  return <textarea ref={area} rows={1} aria-label={label} value={value} onChange={(event) => onChange(event.target.value)} onKeyDown={press} {...rest} />;
}

interface GrowingTextProps {
  value: string;
  onChange: (value: string) => void;
  onSend: () => void;
  label: string;
  placeholder?: string;
  autoFocus?: boolean;
  className?: string;
  'data-main-input'?: boolean;
}

/** Where a question is written, and whom it goes to. */
export function Composer({ conversation, bases, info, model, running, onChoose, onSend, onStop }: ComposerProps) {
  const { t } = useText();
  const [text, setText] = useState('');
  const { base } = conversation;
  const [fine, setFine] = useState(false);
  // A phone's keyboard would cover the page at once.
  useEffect(() => setFine(matchMedia('(hover: hover)').matches), []);
  const send = () => {
    if (running || text.trim() === '') return;
    onSend(text.trim());
    setText('');
  };
  const baseOptions = bases.map((one) => ({ value: one.name, label: one.name }));
  // A base that was deleted is still named by the conversation.
  if (base !== null && !bases.some((one) => one.name === base)) baseOptions.push({ value: base, label: base });
  const modelOptions = info.language_models.map((name) => ({ value: name, label: name }));
  return (
    <form
      className="composer"
      key={String(fine)}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <GrowingText
        value={text}
        onChange={setText}
        onSend={send}
        label={t.message}
        placeholder={base === null ? t.placeholderModel : t.placeholderBase(base)}
        autoFocus={fine}
        data-main-input
      />
      <div className="composer-foot">
        <Select
          icon="book"
          label={t.answersFrom}
          value={base ?? ''}
          options={[{ value: '', label: t.noDocuments }, ...baseOptions]}
          onChange={(value) => onChoose({ base: value === '' ? null : value })}
        />
        <Select icon="cube" label={t.model} value={model ?? ''} options={modelOptions} onChange={(value) => onChoose({ model: value })} />
        {running ? (
          <IconButton className="send" icon="stop" label={t.stop} onClick={onStop} />
        ) : (
          <IconButton className="send" type="submit" icon="send" label={t.send} disabled={text.trim() === ''} />
        )}
      </div>
    </form>
  );
}
