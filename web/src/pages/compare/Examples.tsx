import { useMemo, useState } from 'react';
import type { Json, OutputRow, Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { count, duration, figure } from '../../lib/format';
import { Icon } from '../../ui/Icon';
import { Button } from '../../ui/parts';
import { labelsOf } from '../tasks/form';
import { columnsOf, short } from '../tasks/rows';
import { difference } from './diff';
import { modelOf, routeOf } from './words';
import { filtered, isWrong, kinds, type Filter, type Kind } from './filter';

const PAGE = 25;

/** Example by example: what was expected, and what two candidates said. */
export function Examples({ task, rows, first }: { task: Task; rows: OutputRow[]; first: string | null }) {
  const { t, lang } = useTaskText();
  const candidates = useMemo(() => [...new Set(rows.flatMap((row) => Object.keys(row.answers)))].sort((a, b) => Number(b === first) - Number(a === first) || answered(rows, b) - answered(rows, a)), [rows, first]);
  const tags = useMemo(() => [...new Set(rows.flatMap((row) => row.tags ?? []))].sort(), [rows]);
  const [pair, setPair] = useState<[string, string]>([candidates[0] ?? '', candidates[1] ?? candidates[0] ?? '']);
  const [filter, setFilter] = useState<Filter>({ kind: 'differ', tag: '', text: '', part: 'test' });
  const [most, setMost] = useState(PAGE);
  const [one, other] = pair;
  const shown = filtered(rows, one, other, filter);
  const set = (part: Partial<Filter>) => {
    setFilter({ ...filter, ...part });
    setMost(PAGE);
  };
  const names: Record<Kind, string> = { all: t.allExamples, differ: t.whereDiffer, oneWrong: t.whereFirstWrong, otherWrong: t.whereSecondWrong, bothWrong: t.whereBothWrong };
  if (candidates.length === 0) return <p className="soft">{t.noOutputs}</p>;
  return (
    <>
      <div className="row filters">
        <Candidates label={t.firstCandidate} value={one} all={candidates} onChange={(value) => setPair([value, other])} />
        <span className="soft">{t.versus}</span>
        <Candidates label={t.secondCandidate} value={other} all={candidates} onChange={(value) => setPair([one, value])} />
      </div>
      <div className="row filters">
        <label className="select">
          <select aria-label={t.which} value={filter.kind} onChange={(event) => set({ kind: event.target.value as Kind })}>
            {kinds.map((kind) => (
              <option key={kind} value={kind}>
                {names[kind]}
              </option>
            ))}
          </select>
        </label>
        <label className="select">
          <select aria-label={t.part} value={filter.part} onChange={(event) => set({ part: event.target.value as Filter['part'] })}>
            <option value="test">{t.partTest}</option>
            <option value="development">{t.partDevelopment}</option>
            <option value="all">{t.partBoth}</option>
          </select>
        </label>
        {tags.length > 0 && (
          <label className="select">
            <select aria-label={t.tag} value={filter.tag} onChange={(event) => set({ tag: event.target.value })}>
              <option value="">{t.anyTag}</option>
              {tags.map((tag) => (
                <option key={tag} value={tag}>
                  {tag}
                </option>
              ))}
            </select>
          </label>
        )}
        <div className="with-icon">
          <Icon name="search" size={16} />
          <input className="input" type="search" data-main-input placeholder={t.filterRows} aria-label={t.filterRows} value={filter.text} onChange={(event) => set({ text: event.target.value })} />
        </div>
        <span className="soft small figures" role="status">
          {t.examplesFound(count(shown.length, lang), count(rows.length, lang))}
        </span>
      </div>
      {shown.length === 0 ? (
        <p className="soft">{t.noExampleMatches}</p>
      ) : (
        <ol className="pairs">
          {shown.slice(0, most).map((row, at) => (
            <Pair key={at} task={task} row={row} one={one} other={other} />
          ))}
        </ol>
      )}
      {shown.length > most && (
        <div className="row">
          <Button onClick={() => setMost((old) => old + 4 * PAGE)}>{t.showMore(shown.length - most)}</Button>
        </div>
      )}
    </>
  );
}

function Pair({ task, row, one, other }: { task: Task; row: OutputRow; one: string; other: string }) {
  const { t } = useTaskText();
  const columns = columnsOf(task);
  return (
    <li className="pair-row">
      <div className="pair-input">
        {columns.filter((field) => short(row.input[field.name]) !== '').map((field) => (
          <p key={field.name}>
            {columns.length > 1 && <span className="soft small">{field.name} </span>}
            {short(row.input[field.name])}
          </p>
        ))}
        {row.tags?.map((tag) => (
          <span key={tag} className="tag soft small">
            {tag}
          </span>
        ))}
      </div>
      <dl className="pair-answers">
        <div>
          <dt className="soft small">{t.expected}</dt>
          <dd>{labelsOf(task.output) ? <span className="badge label">{short(row.expected)}</span> : <Said value={row.expected} />}</dd>
        </div>
        <AnswerCell candidate={one} name={nameBeside(one, other)} task={task} row={row} />
        {other !== one && <AnswerCell candidate={other} name={nameBeside(other, one)} task={task} row={row} />}
      </dl>
    </li>
  );
}

/** Where two candidates differ only in the way, or only in the model, that is their name. */
function nameBeside(candidate: string, other: string): string {
  if (candidate === other) return candidate;
  if (modelOf(candidate) === modelOf(other)) return routeOf(candidate);
  return routeOf(candidate) === routeOf(other) ? modelOf(candidate) : candidate;
}

function AnswerCell({ candidate, name, task, row }: { candidate: string; name: string; task: Task; row: OutputRow }) {
  const { t, lang } = useTaskText();
  const answer = row.answers[candidate];
  const wrong = isWrong(row, answer);
  return (
    <div className={!answer ? undefined : wrong ? 'is-wrong' : 'is-right'}>
      <dt className="soft small">
        <span className="clip" title={candidate}>
          {name}
        </span>
        {answer && (
          <span className="figures">
            {typeof answer.score === 'number' && answer.score > 0 && answer.score < 1 ? `${figure(answer.score, lang)} · ` : ''}
            {answer.milliseconds !== undefined ? duration(answer.milliseconds, lang) : ''}
          </span>
        )}
      </dt>
      <dd>
        {!answer ? (
          <span className="soft">{t.notAsked}</span>
        ) : answer.error !== undefined ? (
          <span className="problem small">{reason(answer.error, lang)}</span>
        ) : labelsOf(task.output) ? (
          <span className={wrong ? 'badge bad' : 'badge good'}>
            <Icon name={wrong ? 'close' : 'check'} size={12} />
            <span className="hidden-text">{wrong ? t.isWrong : t.isRight}</span>
            {short(answer.output)}
          </span>
        ) : (
          <Said value={answer.output} against={wrong ? row.expected : undefined} />
        )}
      </dd>
    </div>
  );
}

/** A value as text; where it is held against another, what the other does not have is marked. */
function Said({ value, against }: { value: Json | undefined; against?: Json }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null, null, 1);
  if (against === undefined) return <span className="said">{text}</span>;
  const [, parts] = difference(typeof against === 'string' ? against : JSON.stringify(against, null, 1), text);
  return <span className="said">{parts.map((part, at) => (part.same ? part.text : <mark key={at}>{part.text}</mark>))}</span>;
}

function answered(rows: OutputRow[], candidate: string): number {
  return rows.reduce((sum, row) => sum + (row.answers[candidate] ? 1 : 0), 0);
}

function Candidates({ label, value, all, onChange }: { label: string; value: string; all: string[]; onChange: (value: string) => void }) {
  return (
    <label className="select candidate-select" title={label}>
      <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
        {all.map((candidate) => (
          <option key={candidate} value={candidate}>
            {candidate}
          </option>
        ))}
      </select>
    </label>
  );
}
