import { useEffect, useRef, useState } from 'react';
import { get, isAbort, isRefused, post, remove } from '../../api/client';
import { at, type Choice, type ChoiceTerms } from '../../api/tasks';

const EVERY = 1000;

/** How a choice goes, looked at every second while it runs and the page is seen; `done` is called when one ends. */
export function useChoice(name: string, done: () => void) {
  const [choice, setChoice] = useState<Choice | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const latest = useRef(done);
  latest.current = done;
  const last = useRef<Choice['state'] | null>(null);
  useEffect(() => {
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        if (document.visibilityState === 'visible') {
          const now = await get<Choice>(`${at.task(name)}/choose`, control.signal);
          if (last.current === 'running' && now.state !== 'running') latest.current();
          last.current = now.state;
          setChoice(now);
          setError(null);
        }
      } catch (problem) {
        if (isAbort(problem)) return;
        setError(problem);
        if (isRefused(problem)) return;
      }
      if (!control.signal.aborted && (last.current === 'running' || last.current === null)) timer = setTimeout(() => void look(), EVERY);
    };
    void look();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [name, round]);
  const again = () => setRound((old) => old + 1);
  const start = async (wanted: ChoiceTerms) => {
    const begun = await post<Choice>(`${at.task(name)}/choose`, wanted);
    setChoice(begun);
    last.current = 'running';
    again();
  };
  const stop = async () => {
    await remove(`${at.task(name)}/choose`);
    again();
  };
  // Whoever began it: the server has kept the terms.
  const terms = choice?.terms ?? null;
  const goOn = terms === null ? null : () => start(terms);
  return { choice, error, reload: again, start, stop, goOn };
}
