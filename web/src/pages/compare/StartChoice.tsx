import { useState, type FormEvent } from 'react';
import { get } from '../../api/client';
import type { Info } from '../../api/types';
import type { ChoiceTerms, Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count, share } from '../../lib/format';
import { Link } from '../../lib/router';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Button, Empty, Failure, Skeleton } from '../../ui/parts';
import { taskHref } from '../tasks/address';
import { possible, usual, type Route } from './routes';

/** Texts that a model writes where other words are looked for. */
const TEXTS = 6;
/** Fewer labelled rows than this cannot be parted into three. */
const LEAST = 10;

interface StartProps {
  task: Task;
  labelled: number;
  open: boolean;
  resumes: boolean;
  /** One was not finished whose terms nobody knows: they are to be said again. */
  unknown: boolean;
  onStart: (terms: ChoiceTerms) => Promise<void>;
}

/** What is to be tried, how long, and how sure one wants to be. */
export function StartChoice({ task, labelled, open, resumes, unknown, onStart }: StartProps) {
  const { t } = useTaskText();
  const all = useLoad('models to choose', async (signal) => {
    const [models, info] = await Promise.all([get<{ data: { id: string }[] }>('/v1/models', signal), get<Info>('/v1/info', signal)]);
    return { names: models.data.map((model) => model.id).filter((id) => !/^(kb|task)\//.test(id)), info };
  });
  if (labelled < LEAST && !open) {
    return (
      <p className="soft small">
        {t.againNeedsRows} <Link href={taskHref(task.name, 'rows')}>{t.toRows}</Link>
      </p>
    );
  }
  if (labelled < LEAST) {
    return (
      <Empty
        title={t.needsRows}
        actions={
          <Link className="button primary" href={taskHref(task.name, 'rows')}>
            {t.toRows}
          </Link>
        }
      >
        {labelled === 0 ? t.needsRowsHelp : t.needsMoreRows(labelled)}
      </Empty>
    );
  }
  return (
    <details className="start-choice" open={open || unknown}>
      <summary>{unknown ? t.chooseOn : resumes ? t.chooseAnew : open ? t.choose : t.chooseAgain}</summary>
      {unknown && (
        <p className="notice">
          <Icon name="warn" size={16} />
          {t.termsUnknown}
        </p>
      )}
      {all.error !== null && <Failure error={all.error} retry={all.reload} />}
      {all.loading && <Skeleton lines={4} />}
      {all.value?.names.length === 0 && (
        <Empty
          title={t.noModelsToTry}
          actions={
            <Link className="button primary" href="/models">
              {t.models}
            </Link>
          }
        />
      )}
      {all.value && all.value.names.length > 0 && <Terms key={all.value.names.join(' ')} task={task} labelled={labelled} names={all.value.names} info={all.value.info} onStart={onStart} />}
    </details>
  );
}

interface TermsProps {
  task: Task;
  labelled: number;
  names: string[];
  info: Info;
  onStart: StartProps['onStart'];
}

function Terms({ task, labelled, names, info, onStart }: TermsProps) {
  const { t, lang } = useTaskText();
  const writes = (name: string) => info.language_models.includes(name);
  const first = usual(task, names.some((name) => !writes(name)) || info.default_embedder !== null);
  const [models, setModels] = useState(names);
  const [routes, setRoutes] = useState<Route[]>(first);
  const [limits, setLimits] = useState({ minutes: '10', cost: '', spend: '40', confidence: '95' });
  const [search, setSearch] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const helps = useRouteHelps();
  const toggled = <T,>(all: T[], one: T) => (all.includes(one) ? all.filter((other) => other !== one) : [...all, one]);
  const number = (text: string) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const terms: ChoiceTerms = {};
    if (models.length !== names.length) terms.models = models;
    if (routes.length !== first.length || routes.some((route) => !first.includes(route))) terms.routes = routes;
    const [minutes, cost, spend, confidence] = [number(limits.minutes), number(limits.cost), number(limits.spend), number(limits.confidence)];
    if (minutes !== null) terms.max_seconds = Math.round(minutes * 60);
    if (cost !== null) terms.max_cost = cost;
    if (spend !== null) terms.spend = spend / 100;
    if (search) terms.search = TEXTS;
    if (confidence !== null) terms.confidence = confidence / 100;
    setBusy(true);
    setError(null);
    try {
      await onStart(terms);
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const set = (part: Partial<typeof limits>) => setLimits({ ...limits, ...part });
  return (
    <form className="terms" onSubmit={(event) => void submit(event)}>
      <fieldset className="block">
        <legend>{t.routes}</legend>
        <div className="check-list">
          {possible(task).map((route) => (
            <label key={route} className="check-card">
              <input type="checkbox" checked={routes.includes(route)} onChange={() => setRoutes(toggled(routes, route))} />
              <span>
                <code>{route}</code>
                <span className="soft small">{helps[route]}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      <fieldset className="block">
        <legend>{t.models}</legend>
        <div className="check-list">
          {names.map((name) => (
            <label key={name} className="check-card">
              <input type="checkbox" checked={models.includes(name)} onChange={() => setModels(toggled(models, name))} />
              <span>
                {name}
                <span className="soft small">{writes(name) ? t.modelWrites : info.embedding_models.includes(name) ? t.modelEmbeds : t.modelRemote}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      <fieldset className="block">
        <legend>{t.howFar}</legend>
        <div className="limits">
          <Limit label={t.maxMinutes} value={limits.minutes} onChange={(minutes) => set({ minutes })} />
          <Limit label={t.maxCost} value={limits.cost} placeholder={t.noLimit} onChange={(cost) => set({ cost })} />
          <Limit label={t.spendShare} value={limits.spend} onChange={(spend) => set({ spend })} />
          <Limit label={t.confidence} value={limits.confidence} onChange={(confidence) => set({ confidence })} />
        </div>
        <label className="check-card">
          <input type="checkbox" checked={search} onChange={() => setSearch(!search)} />
          <span>
            {t.searchWords}
            <span className="soft small">{t.searchHelp}</span>
          </span>
        </label>
      </fieldset>
      <p className="soft what-happens">{t.whatHappens(count(labelled, lang), share((number(limits.confidence) ?? 95) / 100, lang))}</p>
      {error !== null && <Failure error={error} />}
      <div className="row">
        <Button look="primary" type="submit" icon="play" disabled={busy || routes.length === 0 || models.length === 0}>
          {t.startChoice}
        </Button>
        {routes.length === 0 && <span className="small problem">{t.noRoutePicked}</span>}
        {models.length === 0 && <span className="small problem">{t.noModelPicked}</span>}
      </div>
    </form>
  );
}

function Limit({ label, value, placeholder, onChange }: { label: string; value: string; placeholder?: string; onChange: (value: string) => void }) {
  return (
    <label className="field">
      <span>{label}</span>
      <input className="input" inputMode="decimal" placeholder={placeholder} value={value} onChange={(event) => onChange(event.target.value)} />
    </label>
  );
}

function useRouteHelps(): Record<Route, string> {
  const { t } = useTaskText();
  return {
    prompt: t.routePrompt,
    'prompt-steps': t.routeSteps,
    'few-shot:8': t.routeFewShot,
    'few-shot-nearest:8': t.routeNearest,
    labels: t.routeLabels,
    classifier: t.routeClassifier,
    'retrieval:6': t.routeRetrieval,
    'retrieval-fusion:6': t.routeFusion,
    'retrieval-reranked:6': t.routeReranked,
    'prompt-vote:5': t.routeVote,
    'prompt-tree:12': t.routeTree,
  };
}
