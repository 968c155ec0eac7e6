import { useState } from 'react';
import { get } from '../../api/client';
import type { CatalogueModel, Info } from '../../api/types';
import { useText } from '../../i18n';
import { bytes, count, languageNames, parameters } from '../../lib/format';
import { pullFailure } from '../../lib/problems';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Button, Confirm, Empty, Failure, IconButton, Skeleton } from '../../ui/parts';
import { PullProgress } from './PullProgress';
import { useCatalogue } from './useCatalogue';

/** The models there are, installed or not. */
export default function ModelsPage() {
  const { t } = useText();
  const { models, error, loading, reload, pull, stop, drop } = useCatalogue();
  const installed = models?.filter((model) => model.state === 'installed').map((model) => model.name);
  // Which model is the default changes with what is installed.
  const info = useLoad(`info ${installed?.join(' ') ?? ''}`, (signal) => get<Info>('/v1/info', signal));
  const [leaving, setLeaving] = useState<CatalogueModel | null>(null);
  const defaults = [info.value?.default_model ?? info.value?.preferred_model, info.value?.default_embedder ?? info.value?.preferred_embedder];
  const groups = [
    { title: t.writeModels, help: t.writeModelsHelp, models: models?.filter((model) => !isEmbedder(model)) ?? [] },
    { title: t.embedModels, help: t.embedModelsHelp, models: models?.filter(isEmbedder) ?? [] },
  ].filter((group) => group.models.length > 0);
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{t.models}</h1>
          <p>{t.modelsHelp}</p>
        </div>
      </header>
      {error !== null && <Failure error={error} retry={reload} />}
      {loading && <Skeleton lines={6} />}
      {models?.length === 0 && <Empty title={t.noModels}>{t.noModelsHelp}</Empty>}
      {groups.map((group) => (
        <section className="model-group" key={group.title}>
          <header>
            <h2>{group.title}</h2>
            <p className="soft">{group.help}</p>
          </header>
          <ul className="cards">
            {group.models.map((model) => (
              <ModelCard
                key={model.name}
                model={model}
                isDefault={defaults.includes(model.name)}
                onPull={() => void pull(model.name)}
                onStop={() => void stop(model.name)}
                onDelete={() => setLeaving(model)}
              />
            ))}
          </ul>
        </section>
      ))}
      {leaving && <Leave model={leaving} act={() => drop(leaving.name)} onClose={() => setLeaving(null)} />}
    </div>
  );
}

/** Only embedders have a number of dimensions on their card. */
function isEmbedder(model: CatalogueModel): boolean {
  return typeof model.dimensions === 'number';
}

function Leave({ model, act, onClose }: { model: CatalogueModel; act: () => Promise<void>; onClose: () => void }) {
  const { t, lang } = useText();
  return <Confirm title={t.deleteModel} text={t.deleteModelConfirm(model.name, bytes(model.bytes ?? 0, lang))} act={act} onClose={onClose} />;
}

interface CardProps {
  model: CatalogueModel;
  isDefault: boolean;
  onPull: () => void;
  onStop: () => void;
  onDelete: () => void;
}

function ModelCard({ model, isDefault, onPull, onStop, onDelete }: CardProps) {
  const { t, lang } = useText();
  const { state } = model;
  const description = (lang === 'zh' && model.description_zh) || model.description;
  return (
    <li className="card model" data-model={model.name} data-state={state}>
      <header>
        <h3>{model.name}</h3>
        {isDefault && <span className="badge">{t.defaultMark}</span>}
        <StateBadge state={state} />
      </header>
      {description && <p className="soft">{description}</p>}
      <Facts model={model} />
      {model.error && state !== 'pulling' && <Failure error={pullFailure(model.error)} />}
      {state === 'pulling' && <PullProgress model={model} />}
      {state === 'partial' && model.progress && <PullProgress model={model} />}
      <footer className="row">
        {state === 'available' && (
          <Button icon="down" onClick={onPull}>
            {t.pull}
          </Button>
        )}
        {state === 'partial' && (
          <Button icon="down" onClick={onPull}>
            {t.resume}
          </Button>
        )}
        {state === 'pulling' && (
          <Button icon="stop" title={t.stopPull(model.name)} onClick={onStop}>
            {t.stop}
          </Button>
        )}
        {state === 'installed' && <IconButton icon="trash" label={`${t.deleteModel}: ${model.name}`} onClick={onDelete} />}
      </footer>
    </li>
  );
}

function StateBadge({ state }: { state: CatalogueModel['state'] }) {
  const { t } = useText();
  if (state === 'installed') {
    return (
      <span className="badge good">
        <Icon name="check" size={12} />
        {t.installed}
      </span>
    );
  }
  const words = { available: t.available, partial: t.partialState, pulling: t.pulling };
  return <span className={state === 'partial' ? 'badge warn' : 'badge'}>{words[state]}</span>;
}

function Facts({ model }: { model: CatalogueModel }) {
  const { t, lang } = useText();
  const facts: [string, string | null][] = [
    [t.parametersLabel, model.parameters ? parameters(model.parameters, lang) : null],
    [t.size, model.bytes ? bytes(model.bytes, lang) : null],
    [t.context, t.contextTokens(count(model.context, lang))],
    [t.dimensions, model.dimensions ? count(model.dimensions, lang) : null],
    [t.languages, model.languages?.length ? languageNames(model.languages, lang, t.otherLanguages) : null],
    [t.architecture, model.architecture],
    [t.licence, model.licence ?? null],
  ];
  return (
    <dl className="facts">
      {facts.map(([name, value]) => value !== null && (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
