import { useEffect, type ReactNode } from 'react';
import { get } from '../../api/client';
import type { Info } from '../../api/types';
import { useText } from '../../i18n';
import { pullFailure } from '../../lib/problems';
import { useLoad } from '../../lib/useLoad';
import { Button, Empty, Failure } from '../../ui/parts';
import { PullProgress } from './PullProgress';
import { useCatalogue, type Catalogue } from './useCatalogue';

interface OfferProps {
  catalogue: Catalogue;
  name: string;
  title: string;
  children: ReactNode;
  look?: 'primary' | 'plain';
  actions?: ReactNode;
  onReady: () => void;
}

/** Offers one model of the catalogue: what it is for, one click to have it, how far it is. */
export function Offer({ catalogue, name, title, children, look = 'primary', actions, onReady }: OfferProps) {
  const { t } = useText();
  const model = catalogue.models?.find((one) => one.name === name);
  const state = model?.state;
  useEffect(() => {
    if (state === 'installed') onReady();
  }, [state, onReady]);
  const pull = () => void catalogue.pull(name);
  const buttons = (
    <>
      {(state === 'available' || state === 'partial') && (
        <Button look={look} icon="down" onClick={pull}>
          {state === 'partial' ? t.resume : t.pullNamed(name)}
        </Button>
      )}
      {state === 'pulling' && (
        <Button icon="stop" title={t.stopPull(name)} onClick={() => void catalogue.stop(name)}>
          {t.stop}
        </Button>
      )}
      {actions}
    </>
  );
  return (
    <>
      <Empty title={title} actions={buttons}>
        {children}
      </Empty>
      {model?.state === 'pulling' && <PullProgress model={model} />}
      {model?.error && model.state !== 'pulling' && <Failure error={pullFailure(model.error)} retry={pull} />}
    </>
  );
}

/** Offers the recommended embedding model where none is installed; nothing otherwise. */
export function NoEmbedder() {
  const info = useLoad('info', (signal) => get<Info>('/v1/info', signal));
  // Not known, or there is one: then this is nobody's concern here.
  if (info.value?.default_embedder !== null) return null;
  return <EmbedderOffer name={info.value.preferred_embedder} onReady={info.reload} />;
}

function EmbedderOffer({ name, onReady }: { name: string; onReady: () => void }) {
  const { t } = useText();
  const catalogue = useCatalogue();
  return (
    <section className="offer" aria-label={t.noEmbedder}>
      {catalogue.error !== null && <Failure error={catalogue.error} retry={catalogue.reload} />}
      <Offer catalogue={catalogue} name={name} title={t.noEmbedder} look="plain" onReady={onReady}>
        {t.noEmbedderHelp(name)}
      </Offer>
    </section>
  );
}
