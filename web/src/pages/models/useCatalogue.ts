import { useEffect, useState } from 'react';
import { get, path, post, remove } from '../../api/client';
import type { CatalogueModel } from '../../api/types';
import { useLoad } from '../../lib/useLoad';

/** The catalogue, looked at again every second while something is being pulled. */
export function useCatalogue() {
  const loaded = useLoad('catalogue', async (signal) => (await get<{ models: CatalogueModel[] }>('/v1/catalogue', signal)).models);
  const [problem, setProblem] = useState<unknown>(null);
  const { value, reload } = loaded;
  const pulling = value?.some((model) => model.state === 'pulling') ?? false;
  useEffect(() => {
    if (!pulling) return;
    const timer = setInterval(reload, 1000);
    return () => clearInterval(timer);
  }, [pulling, reload]);
  const pull = async (name: string) => {
    setProblem(null);
    try {
      await post(path.pull(name), {});
    } catch (error) {
      setProblem(error);
    }
    reload();
  };
  const drop = async (name: string) => {
    await remove(path.model(name));
    reload();
  };
  // While polling, one answer that fails to come does not take the page away.
  const error = value === null ? loaded.error : problem;
  return { models: value, error, loading: loaded.loading, reload, pull, drop };
}
