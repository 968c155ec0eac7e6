import { useState } from 'react';
import { ApiError, path, remove } from '../../api/client';
import type { DocumentInfo, DocumentStatus } from '../../api/types';
import { useText } from '../../i18n';
import { reason } from '../../i18n/reasons';
import { bytes, count, share } from '../../lib/format';
import type { Loaded } from '../../lib/useLoad';
import { Icon } from '../../ui/Icon';
import { Button, Confirm, Empty, Failure, IconButton, Skeleton } from '../../ui/parts';
import type { Place } from '../../ui/SourcePanel';

interface DocumentsProps {
  base: string;
  documents: Loaded<DocumentInfo[]>;
  onOpen: (place: Place) => void;
  onChange: () => void;
}

/** Rows drawn at a time: a folder can hold ten thousand files. */
const PAGE = 200;

/** The documents of a knowledge base: a table, or cards where it is narrow. */
export function Documents({ base, documents, onOpen, onChange }: DocumentsProps) {
  const { t, lang } = useText();
  const [wanted, setWanted] = useState('');
  const [most, setMost] = useState(PAGE);
  const [leaving, setLeaving] = useState<DocumentInfo | null>(null);
  const all = documents.value;
  const needle = wanted.trim().toLowerCase();
  const shown = all?.filter((one) => `${one.name}\n${one.title}`.toLowerCase().includes(needle)) ?? [];
  return (
    <section className="documents" aria-label={t.documents}>
      {documents.error !== null && <Failure error={documents.error} retry={documents.reload} />}
      {documents.loading && <Skeleton lines={6} />}
      {all?.length === 0 && <Empty title={t.noDocumentsYet}>{t.noBasesHelp}</Empty>}
      {all && all.length > 0 && (
        <>
          <div className="row">
            <div className="with-icon">
              <Icon name="search" size={16} />
              <input
                className="input"
                type="search"
                data-main-input
                placeholder={t.filterDocuments}
                aria-label={t.filterDocuments}
                value={wanted}
                onChange={(event) => setWanted(event.target.value)}
              />
            </div>
            <p className="soft small figures">{t.documentCount(count(shown.length, lang))}</p>
          </div>
          {shown.length === 0 ? (
            <p className="soft">{t.noMatch}</p>
          ) : (
            <DocumentTable documents={shown.slice(0, most)} base={base} onOpen={onOpen} onDelete={setLeaving} />
          )}
          {shown.length > most && <Button onClick={() => setMost(most + PAGE)}>{t.more}</Button>}
        </>
      )}
      {leaving && (
        <Confirm
          title={t.deleteDocument}
          text={t.deleteDocumentConfirm(leaving.name)}
          act={async () => {
            await removeDocument(base, leaving.name);
            onChange();
          }}
          onClose={() => setLeaving(null)}
        />
      )}
    </section>
  );
}

/** One that is gone already, in another tab, is as good as removed. */
async function removeDocument(base: string, name: string): Promise<void> {
  try {
    await remove(path.removeDocument(base, name));
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'document_not_found')) throw error;
  }
}

interface TableProps {
  documents: DocumentInfo[];
  base: string;
  onOpen: (place: Place) => void;
  onDelete: (document: DocumentInfo) => void;
}

function DocumentTable({ documents, base, onOpen, onDelete }: TableProps) {
  const { t } = useText();
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">{t.name}</th>
          <th scope="col">{t.format}</th>
          <th scope="col" className="number">
            {t.pages}
          </th>
          <th scope="col" className="number">
            {t.passages}
          </th>
          <th scope="col" className="number">
            {t.size}
          </th>
          <th scope="col">{t.status}</th>
          <th scope="col">
            <span className="hidden-text">{t.actions}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {documents.map((document) => (
          <DocumentRow
            key={document.name}
            document={document}
            onOpen={() => onOpen({ base, document: document.name, title: document.title, page: null, span: null })}
            onDelete={() => onDelete(document)}
          />
        ))}
      </tbody>
    </table>
  );
}

function DocumentRow({ document, onOpen, onDelete }: { document: DocumentInfo; onOpen: () => void; onDelete: () => void }) {
  const { t, lang } = useText();
  const { name, title, warnings, error } = document;
  const readable = document.status === 'ready' || document.status === 'embedding';
  return (
    <tr data-document={name} data-status={document.status}>
      <th scope="row">
        {readable ? (
          <button type="button" className="link" onClick={onOpen} title={t.viewDocument(name)}>
            {name}
          </button>
        ) : (
          name
        )}
        {title !== '' && title !== name && <p className="soft small">{title}</p>}
        {error && <p className="problem small">{reason(error, lang)}</p>}
        {warnings.length > 0 && (
          <details className="warnings small">
            <summary>{t.warnings(warnings.length)}</summary>
            <ul>
              {warnings.map((warning) => (
                <li key={warning}>{reason(warning, lang)}</li>
              ))}
            </ul>
          </details>
        )}
      </th>
      <td data-label={t.format}>{document.format}</td>
      <td data-label={t.pages} className="number">
        {document.pages ? count(document.pages, lang) : '–'}
      </td>
      <td data-label={t.passages} className="number">
        {count(document.passages, lang)}
      </td>
      <td data-label={t.size} className="number">
        {bytes(document.bytes, lang)}
      </td>
      <td data-label={t.status}>
        <Status document={document} />
      </td>
      <td>
        <IconButton icon="trash" label={`${t.deleteDocument}: ${name}`} onClick={onDelete} />
      </td>
    </tr>
  );
}

const looks: Record<DocumentStatus, string> = { ready: 'badge good', parsing: 'badge', embedding: 'badge', failed: 'badge bad' };

function Status({ document }: { document: DocumentInfo }) {
  const { t, lang } = useText();
  const { status, vectors, passages } = document;
  const words: Record<DocumentStatus, string> = {
    ready: t.statusReady,
    parsing: t.statusParsing,
    embedding: passages > 0 ? `${t.statusEmbedding} ${share(vectors / passages, lang)}` : t.statusEmbedding,
    failed: t.statusFailed,
  };
  return <span className={looks[status]}>{words[status]}</span>;
}
