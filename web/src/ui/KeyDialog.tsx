import { useEffect, useState, type FormEvent } from 'react';
import { onKeyWanted } from '../api/client';
import { useText } from '../i18n';
import { Button, Dialog, Failure } from './parts';

/** Asks for the server's key when a request needs it; requests that come meanwhile wait for the same answer. */
export function KeyDialog() {
  const { t } = useText();
  const [answer, setAnswer] = useState<{ give: (key: string | null) => void } | null>(null);
  const [key, setKey] = useState('');
  const [tried, setTried] = useState(false);
  useEffect(() => {
    let asked: Promise<string | null> | null = null;
    onKeyWanted(() => {
      asked ??= new Promise<string | null>((resolve) => {
        setAnswer({
          give: (given) => {
            asked = null;
            setAnswer(null);
            resolve(given);
          },
        });
      });
      return asked;
    });
  }, []);
  if (!answer) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!key.trim()) return;
    // Being asked again after this means it was the wrong one.
    setTried(true);
    answer.give(key.trim());
  };
  return (
    <Dialog title={t.keyTitle} onClose={() => answer.give(null)}>
      <p className="soft">{t.keyHelp}</p>
      {tried && <Failure error={new Error(t.keyWrong)} />}
      <form onSubmit={submit}>
        <label className="field">
          <span>{t.keyLabel}</span>
          <input className="input" type="password" autoComplete="off" autoFocus value={key} onChange={(event) => setKey(event.target.value)} />
        </label>
        <div className="row end">
          <Button type="submit" look="primary">
            {t.keyUse}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
