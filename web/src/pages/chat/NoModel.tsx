import { useText } from '../../i18n';
import { Link } from '../../lib/router';
import { Failure, Skeleton } from '../../ui/parts';
import { NoEmbedder, Offer } from '../models/Offer';
import { useCatalogue } from '../models/useCatalogue';

interface NoModelProps {
  title: string;
  preferred: string;
  onReady: () => void;
  /** Documents are searched on this page too: then the model for that is offered as well. */
  searches?: boolean;
}

/** Offers the one model that makes everything work. */
export function NoModel({ title, preferred, onReady, searches = false }: NoModelProps) {
  const { t } = useText();
  const catalogue = useCatalogue();
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
        <Offer catalogue={catalogue} name={preferred} title={title} actions={others} onReady={onReady}>
          {t.noModelHelp(preferred)}
        </Offer>
      )}
      {searches && <NoEmbedder />}
    </div>
  );
}
