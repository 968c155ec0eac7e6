import { useEffect, useState } from 'react';
import { get, isRefused, path, post, remove, stopPull } from '../../api/client';
import type { CatalogueModel } from '../../api/types';
import { useLoad } from '../../lib/useLoad';

export type Catalogue = ReturnType<typeof useCatalogue>;

/** The catalogue, looked at again every second while something is being pulled. */
export function useCatalogue() {
  const loaded = useLoad('catalogue', async (signal) => (await get<{ models: CatalogueModel[] }>('/v1/catalogue', signal)).models);
  const [problem, setProblem] = useState<unknown>(null);
  const { value, reload } = loaded;
  const refused = isRefused(loaded.error);
  const pulling = !refused && (value?.some((model) => model.state === 'pulling') ?? false);
  useEffect(() => {
    if (!pulling) return;
    const timer = setInterval(reload, 1000);
    return () => clearInterval(timer);
  }, [pulling, reload]);
  const attempt = async (act: () => Promise<unknown>) => {
    setProblem(null);
    try {
      await act();
    } catch (error) {
      setProblem(error);
    }
    reload();
  };
  const pull = (name: string) => attempt(() => post(path.pull(name), {}));
  const stop = (name: string) => attempt(() => stopPull(name));
  const drop = async (name: string) => {
    await remove(path.model(name));
    reload();
  };
  // While polling, one answer that fails to come does not take the page away.
  const error = value === null || refused ? loaded.error : problem;
  return { models: value, error, loading: loaded.loading, reload, pull, stop, drop };
}
