import { useEffect } from 'react';
import { useText } from '../../i18n';
import { Link } from '../../lib/router';
import { Button, Empty, Failure, Skeleton } from '../../ui/parts';
import { PullProgress } from '../models/PullProgress';
import { useCatalogue } from '../models/useCatalogue';

/** Offers the one model that makes everything work. */
export function NoModel({ title, preferred, onReady }: { title: string; preferred: string; onReady: () => void }) {
  const { t } = useText();
  const catalogue = useCatalogue();
  const model = catalogue.models?.find((one) => one.name === preferred);
  const state = model?.state;
  useEffect(() => {
    if (state === 'installed') onReady();
  }, [state, onReady]);
  const others = (
    <Link className="button" href="/models">
      {t.seeModels}
    </Link>
  );
  return (
    <div className="page">
      {catalogue.loading && <Skeleton />}
      {catalogue.error !== null && <Failure error={catalogue.error} retry={catalogue.reload} />}
      {catalogue.models && (
        <Empty
          title={title}
          actions={
            <>
              {model && state !== 'pulling' && (
                <Button look="primary" icon="down" onClick={() => void catalogue.pull(preferred)}>
                  {state === 'partial' ? t.resume : t.pullNamed(preferred)}
                </Button>
              )}
              {others}
            </>
          }
        >
          {t.noModelHelp(preferred)}
        </Empty>
      )}
      {model?.state === 'pulling' && <PullProgress model={model} />}
      {model?.error && model.state !== 'pulling' && <Failure error={new Error(model.error)} retry={() => void catalogue.pull(preferred)} />}
    </div>
  );
}
