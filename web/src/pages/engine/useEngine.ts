import { useEffect, useRef, useState } from 'react';
import { get, isAbort } from '../../api/client';
import type { Engine, EngineModel } from '../../api/types';
import { further, type Speed } from './speeds';

const EVERY = 1000;

/** The engine, looked at every second while the page is seen. */
export function useEngine() {
  const [engine, setEngine] = useState<Engine | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [speeds, setSpeeds] = useState<Record<string, Speed[]>>({});
  const [round, setRound] = useState(0);
  const last = useRef<{ at: number; models: EngineModel[] }>({ at: 0, models: [] });
  useEffect(() => {
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        if (document.visibilityState === 'visible') {
          const now = await get<Engine>('/v1/engine', control.signal);
          const at = performance.now();
          const before = last.current;
          last.current = { at, models: now.models };
          setSpeeds((old) => Object.fromEntries(now.models.map((model) => {
            const earlier = before.models.find((one) => one.name === model.name);
            return [model.name, further(old[model.name] ?? [], earlier, model, (at - before.at) / 1000, at)];
          })));
          setEngine(now);
          setError(null);
        }
      } catch (problem) {
        if (isAbort(problem)) return;
        setError(problem);
      }
      if (!control.signal.aborted) timer = setTimeout(() => void look(), EVERY);
    };
    void look();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [round]);
  return { engine, error, speeds, reload: () => setRound((old) => old + 1) };
}
