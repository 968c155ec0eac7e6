import { useCallback, useEffect, useRef, useState } from 'react';
import { isAbort } from '../api/client';

/** The states a thing from the server can be in. */
export interface Loaded<T> {
  value: T | null;
  error: unknown;
  loading: boolean;
  reload: () => void;
}

/** Loads when `key` changes or `reload` is called; keeps the old value while the same key is reloaded. */
export function useLoad<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; value: T | null; error: unknown }>({ key: null, value: null, error: null });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (key === null) return;
    const control = new AbortController();
    latest.current(control.signal).then(
      (value) => !control.signal.aborted && setState({ key, value, error: null }),
      (error: unknown) => {
        if (!isAbort(error) && !control.signal.aborted) setState((old) => ({ key, value: old.key === key ? old.value : null, error }));
      },
    );
    return () => control.abort();
  }, [key, round]);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  const current = state.key === key ? state : { value: null, error: null };
  return { value: current.value, error: current.error, loading: key !== null && current.value === null && current.error === null, reload };
}
