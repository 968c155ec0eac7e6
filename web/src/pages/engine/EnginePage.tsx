import type { EngineModel } from '../../api/types';
import { useText } from '../../i18n';
import { bytes, count, percent } from '../../lib/format';
import { Bar, Empty, Failure, Skeleton } from '../../ui/parts';
import { line, type Speed } from './speeds';
import { useEngine } from './useEngine';

/** The models in memory at work: slots, what they remember, tokens a second. */
export default function EnginePage() {
  const { t, lang } = useText();
  const { engine, error, speeds, reload } = useEngine();
  const used = engine?.resident_bytes;
  const allowed = engine?.memory_allowed;
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{t.engine}</h1>
          <p>{t.engineHelp}</p>
        </div>
        {used != null && (
          <p className="soft">{allowed != null ? t.memoryOf(bytes(used, lang), bytes(allowed, lang)) : t.memoryUsed(bytes(used, lang))}</p>
        )}
      </header>
      {error !== null && <Failure error={error} retry={reload} />}
      {engine === null && error === null && <Skeleton lines={6} />}
      {engine?.models.length === 0 && <Empty title={t.noneLoaded}>{t.noneLoadedHelp}</Empty>}
      <ul className="engines">
        {engine?.models.map((model) => <Model key={model.name} model={model} speeds={speeds[model.name] ?? []} />)}
      </ul>
    </div>
  );
}

function Model({ model, speeds }: { model: EngineModel; speeds: Speed[] }) {
  const { t, lang } = useText();
  const now = speeds.at(-1);
  const asked = model.read_tokens + model.cached_tokens;
  const facts: [string, string][] = [
    [t.promptRead, `${count(model.read_tokens, lang)} ${t.tokens}`],
    [t.remembered, asked > 0 ? percent(model.cached_tokens / asked, lang).replace(/^0[.0]*%$/, '0%') : '–'],
    [t.promptWritten, `${count(model.written_tokens, lang)} ${t.tokens}`],
    [t.guessesRight, model.guessed_tokens > 0 ? percent(model.accepted_tokens / model.guessed_tokens, lang) : '–'],
    [t.memoryMost, bytes(model.memory, lang)],
  ];
  return (
    <li className="card engine" data-model={model.name}>
      <header>
        <h2>{model.name}</h2>
        <span className={model.pending > 0 ? 'badge good' : 'badge'}>{model.pending > 0 ? t.atWork : t.idle}</span>
      </header>
      <div className="meters">
        <Speedometer name={t.writing} speeds={speeds.map((speed) => speed.written)} now={now?.written ?? 0} />
        <Speedometer name={t.reading} speeds={speeds.map((speed) => speed.read)} now={now?.read ?? 0} />
        <Slots model={model} />
        <div className="meter">
          <h3>{t.cache}</h3>
          <p className="figure">
            {bytes(model.cache_used, lang)}
            <span className="soft"> / {bytes(model.cache_most, lang)}</span>
          </p>
          <Bar share={model.cache_most > 0 ? model.cache_used / model.cache_most : 0} label={t.cache} />
          <p className="soft">{t.cacheHelp}</p>
        </div>
      </div>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}

/** Tokens a second, now and over the last minute. */
function Speedometer({ name, speeds, now }: { name: string; speeds: number[]; now: number }) {
  const { t, lang } = useText();
  const most = Math.max(...speeds, 1);
  return (
    <div className="meter">
      <h3>{name}</h3>
      <p className="figure">
        {count(Math.round(now), lang)}
        <span className="soft"> {t.perSecond(t.tokens)}</span>
      </p>
      <svg className="trace" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={t.lastMinute(name, count(Math.round(most), lang))}>
        <polyline points={line(speeds, most)} fill="none" stroke="currentColor" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
      </svg>
    </div>
  );
}

/** One square for each request that is computed at once; how many more wait. */
function Slots({ model }: { model: EngineModel }) {
  const { t } = useText();
  const busy = Math.min(model.pending, model.slots);
  const waiting = model.pending - busy;
  return (
    <div className="meter">
      <h3>{t.slots}</h3>
      <p className="figure">
        {busy}
        <span className="soft"> / {model.slots}</span>
      </p>
      <div className="slots" aria-hidden="true">
        {Array.from({ length: Math.min(model.slots, 64) }, (_, at) => <span key={at} className={at < busy ? 'slot busy' : 'slot'} />)}
      </div>
      <p className="soft">{waiting > 0 ? t.waiting(waiting) : t.slotsHelp}</p>
    </div>
  );
}
