import type { CatalogueModel } from '../../api/types';
import { useText } from '../../i18n';
import { bytes, remaining } from '../../lib/format';
import { Bar } from '../../ui/parts';

/** How far a pull is, how fast it goes and how long it takes still. */
export function PullProgress({ model }: { model: CatalogueModel }) {
  const { t, lang } = useText();
  const { done, total, rate } = model.progress ?? { done: 0, total: model.bytes ?? 0, rate: 0 };
  const parts = [`${bytes(done, lang)} / ${bytes(total, lang)}`];
  if (rate > 0) {
    parts.push(t.perSecond(bytes(rate, lang)));
    parts.push(t.left(remaining(((total - done) / rate) * 1000, lang)));
  }
  return (
    <div className="pull-progress">
      <Bar share={total > 0 ? done / total : 0} label={t.pullNamed(model.name)} />
      <p className="soft small figures">{parts.join(' · ')}</p>
    </div>
  );
}
