import { useEffect, useRef, useState, type ButtonHTMLAttributes, type ReactNode } from 'react';
import { useText } from '../i18n';
import { problemOf } from '../lib/problems';
import { Icon, type IconName } from './Icon';

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & { icon?: IconName; look?: 'primary' | 'plain' | 'danger' };

export function Button({ icon, look = 'plain', children, className = '', ...rest }: ButtonProps) {
  return (
    <button type="button" className={`button ${look} ${className}`} {...rest}>
      {icon && <Icon name={icon} size={16} />}
      {children}
    </button>
  );
}

/** A button that is only an icon; its label is for screen readers and the tooltip. */
export function IconButton({ icon, label, className = '', ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & { icon: IconName; label: string }) {
  return (
    <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}

export function Empty({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {actions && <div className="row">{actions}</div>}
    </div>
  );
}

/** What went wrong, what the server said of it, and the next step. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t, lang } = useText();
  const { text, detail } = problemOf(error, t, lang);
  return (
    <div className="failure" role="alert">
      <Icon name="warn" />
      <div className="words">
        <p>{text}</p>
        {detail !== null && <p className="small detail">{detail}</p>}
      </div>
      {retry && (
        <Button icon="redo" onClick={retry}>
          {t.retry}
        </Button>
      )}
    </div>
  );
}

export function Skeleton({ lines = 4 }: { lines?: number }) {
  const { t } = useText();
  return (
    <div className="skeleton" role="status" aria-label={t.loading}>
      {Array.from({ length: lines }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  );
}

export function Bar({ share, label }: { share: number; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10;
  return (
    <div className="bar" role="progressbar" aria-label={label} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}>
      <progress value={percent} max={100} aria-hidden />
    </div>
  );
}

/** A modal dialog on the browser's own: focus is kept inside, Esc closes. */
export function Dialog({ title, children, onClose }: { title: string; children: ReactNode; onClose: () => void }) {
  const { t } = useText();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => element.current?.showModal(), []);
  return (
    <dialog
      ref={element}
      className="dialog"
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === element.current && element.current.close()}
    >
      <header>
        <h2>{title}</h2>
        <IconButton icon="close" label={t.close} onClick={() => element.current?.close()} />
      </header>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  act: () => Promise<void>;
  onClose: () => void;
}

/** Says what will go and asks. */
export function Confirm({ title, text, act, onClose }: ConfirmProps) {
  const { t } = useText();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const confirm = async () => {
    setBusy(true);
    try {
      await act();
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      {error !== null && <Failure error={error} />}
      <footer className="row end">
        <Button onClick={onClose}>{t.cancel}</Button>
        <Button look="danger" icon="trash" disabled={busy} onClick={() => void confirm()}>
          {t.remove}
        </Button>
      </footer>
    </Dialog>
  );
}

/** Copies text and says so for a moment. */
export function CopyButton({ text }: { text: string }) {
  const { t } = useText();
  const [done, setDone] = useState(false);
  const copy = () => {
    void copyText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    });
  };
  return <IconButton icon={done ? 'check' : 'copy'} label={done ? t.copied : t.copy} onClick={copy} />;
}

/** The clipboard works on secure origins only; elsewhere an old way still does. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
