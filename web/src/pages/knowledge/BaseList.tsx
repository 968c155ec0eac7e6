import { useState, type FormEvent } from 'react';
import { get, path, post, remove } from '../../api/client';
import type { KnowledgeBase } from '../../api/types';
import { useText } from '../../i18n';
import { reason } from '../../i18n/reasons';
import { bytes, count, share } from '../../lib/format';
import { go, Link } from '../../lib/router';
import { useLoad } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Button, Confirm, Dialog, Empty, Failure, IconButton, Skeleton } from '../../ui/parts';
import { NoEmbedder } from '../models/Offer';
import { askHref, baseHref } from './address';

/** The knowledge bases there are. */
export function BaseList() {
  const { t } = useText();
  const bases = useLoad('bases', async (signal) => (await get<{ knowledge_bases: KnowledgeBase[] }>('/v1/knowledge_bases', signal)).knowledge_bases);
  const [creating, setCreating] = useState(false);
  const [leaving, setLeaving] = useState<KnowledgeBase | null>(null);
  const create = (
    <Button look="primary" icon="plus" onClick={() => setCreating(true)}>
      {t.createBase}
    </Button>
  );
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{t.knowledge}</h1>
          <p>{t.knowledgeHelp}</p>
        </div>
        {bases.value && bases.value.length > 0 && create}
      </header>
      {bases.error !== null && <Failure error={bases.error} retry={bases.reload} />}
      {bases.loading && <Skeleton lines={5} />}
      {bases.value?.length === 0 && (
        <Empty title={t.noBases} actions={create}>
          {t.noBasesHelp}
        </Empty>
      )}
      {bases.value && bases.value.length > 0 && (
        <ul className="base-list">
          {bases.value.map((base) => (
            <BaseRow key={base.name} base={base} onDelete={() => setLeaving(base)} />
          ))}
        </ul>
      )}
      <NoEmbedder />
      {creating && <CreateBase onClose={() => setCreating(false)} />}
      {leaving && <LeaveBase base={leaving} onClose={() => setLeaving(null)} onGone={bases.reload} />}
    </div>
  );
}

function BaseRow({ base, onDelete }: { base: KnowledgeBase; onDelete: () => void }) {
  const { t, lang } = useText();
  if (base.error) {
    return (
      <li className="base-row damaged" data-base={base.name}>
        <Icon name="warn" />
        <div className="grow">
          <p className="base-figures">
            <strong>{base.name}</strong>
            <span className="badge bad">{t.damaged}</span>
          </p>
          <p className="small">{t.damagedHelp}</p>
          <p className="problem small">{reason(base.error, lang)}</p>
        </div>
        <IconButton icon="trash" label={`${t.deleteBase}: ${base.name}`} onClick={onDelete} />
      </li>
    );
  }
  return (
    <li className="base-row">
      <Icon name="book" />
      <div className="grow">
        <Link className="base-name" href={baseHref(base.name)}>
          {base.name}
        </Link>
        <BaseFigures base={base} />
      </div>
      <div className="row">
        <Link className="button" href={askHref(base.name)}>
          {t.askThis}
        </Link>
        <IconButton icon="trash" label={`${t.deleteBase}: ${base.name}`} onClick={onDelete} />
      </div>
    </li>
  );
}

/** How much is in a knowledge base, in one line. */
export function BaseFigures({ base }: { base: KnowledgeBase }) {
  const { t, lang } = useText();
  const parts = [t.documentCount(count(base.documents, lang)), t.passageCount(count(base.passages, lang)), bytes(base.bytes, lang)];
  if (base.passages > 0) parts.push(t.vectorShare(share(base.vectors / base.passages, lang)));
  return (
    <p className="base-figures soft small figures">
      {parts.join(' · ')}
      {base.ingesting && <span className="badge good">{t.ingesting}</span>}
    </p>
  );
}

function CreateBase({ onClose }: { onClose: () => void }) {
  const { t } = useText();
  const [name, setName] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { name: made } = await post<KnowledgeBase>('/v1/knowledge_bases', { name: name.trim() });
      go(baseHref(made));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog title={t.createBase} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span>{t.baseName}</span>
          <input className="input" autoFocus autoCapitalize="off" autoComplete="off" spellCheck={false} value={name} onChange={(event) => setName(event.target.value)} />
          <span className="soft small">{t.baseNameHelp}</span>
        </label>
        {error !== null && <Failure error={error} />}
        <div className="row end">
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || name.trim() === ''}>
            {t.create}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Asks before a knowledge base goes. */
export function LeaveBase({ base, onClose, onGone }: { base: Pick<KnowledgeBase, 'name' | 'documents' | 'error'>; onClose: () => void; onGone: () => void }) {
  const { t, lang } = useText();
  return (
    <Confirm
      title={t.deleteBase}
      text={base.error ? t.deleteDamagedConfirm(base.name) : t.deleteBaseConfirm(base.name, count(base.documents, lang))}
      act={async () => {
        await remove(path.base(base.name));
        onGone();
      }}
      onClose={onClose}
    />
  );
}
