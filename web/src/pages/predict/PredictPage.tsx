import { useEffect, useRef, useState } from 'react';
import { errorIn, get, isAbort, post, postEvents } from '../../api/client';
import type { Completion, Info, Tokens } from '../../api/types';
import { useText } from '../../i18n';
import { useDebounced } from '../../lib/useDebounced';
import { useEscape } from '../../lib/useEscape';
import { useLoad } from '../../lib/useLoad';
import { Button, Failure, Skeleton } from '../../ui/parts';
import { Select } from '../../ui/Select';
import { NoModel } from '../chat/NoModel';
import { Candidates } from './Candidates';
import { PromptTokens } from './PromptTokens';
import { SideBySide } from './SideBySide';
import { firstChoices, join, written as writtenIn, type Choice, type Written } from './tokens';
import { TypedAnswer } from './TypedAnswer';
import { WrittenText } from './WrittenText';

/** How many tokens are written at a time. */
const MORE = 16;
const counts = [5, 10, 20];

/** Next-token probabilities, laid open. */
export default function PredictPage() {
  const { t } = useText();
  const info = useLoad('info', (signal) => get<Info>('/v1/info', signal));
  if (info.value?.default_model === null) return <NoModel preferred={info.value.preferred_model} onReady={info.reload} title={t.noModel} />;
  return (
    <div className="page predict">
      <header className="page-head">
        <div>
          <h1>{t.predict}</h1>
          <p>{t.predictHelp}</p>
        </div>
      </header>
      {info.error !== null && <Failure error={info.error} retry={info.reload} />}
      {info.loading && <Skeleton lines={6} />}
      {info.value && <Predictor info={info.value} />}
    </div>
  );
}

/** What stands after the beginning, and writing more of it. */
function useWriting(model: string, start: string) {
  const [tokens, setTokens] = useState<Written[]>([]);
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [ended, setEnded] = useState(false);
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);
  const change = (next: Written[]) => {
    control.current?.abort();
    setTokens(next);
    setEnded(false);
    setError(null);
  };
  const writeOn = async (rivals: number) => {
    const own = new AbortController();
    control.current = own;
    setRunning(true);
    setError(null);
    let all = tokens;
    try {
      const body = { model, prompt: start + join(tokens).text, max_tokens: MORE, temperature: 0, logprobs: rivals, stream: true };
      for await (const { data } of postEvents('/v1/completions', body, own.signal)) {
        if (data === '[DONE]') break;
        const chunk = JSON.parse(data) as Completion & { error?: { message: string } };
        if (chunk.error) throw errorIn(data);
        const choice = chunk.choices[0];
        all = [...all, ...writtenIn(choice?.logprobs ?? null)];
        if (!own.signal.aborted) setTokens(all);
        if (choice?.finish_reason === 'stop') setEnded(true);
      }
    } catch (problem) {
      if (!isAbort(problem)) setError(problem);
    }
    setRunning(false);
    // A character begun and not finished cannot be continued as text.
    if (!own.signal.aborted) setTokens(all.slice(0, join(all).whole));
  };
  const stop = () => {
    control.current?.abort();
    setTokens((all) => all.slice(0, join(all).whole));
  };
  return { tokens, running, error, ended, change, writeOn, stop };
}

/** The prediction after a text; the last one stays while the next is computed. */
function useNext(model: string, text: string, rivals: number, wanted: boolean) {
  const key = text === '' || !wanted ? null : `${model}\n${rivals}\n${text}`;
  const next = useLoad(key, (signal) =>
    post<Completion>('/v1/completions', { model, prompt: text, max_tokens: 1, temperature: 0, logprobs: rivals }, signal),
  );
  const last = useRef<Choice[] | null>(null);
  if (next.value) last.current = firstChoices(next.value.choices[0]?.logprobs ?? null);
  if (text === '') last.current = null;
  return { choices: last.current, busy: next.loading || !wanted, error: next.error, reload: next.reload };
}

function Predictor({ info }: { info: Info }) {
  const { t, lang } = useText();
  const [model, setModel] = useState(info.default_model ?? '');
  const [start, setStart] = useState(t.predictExamples[0] ?? '');
  const [touched, setTouched] = useState(false);
  const [rivals, setRivals] = useState(10);
  const writing = useWriting(model, start);
  const { tokens, running, change } = writing;
  // The first example follows the language until something is typed.
  useEffect(() => {
    if (!touched) setStart(t.predictExamples[0] ?? '');
  }, [lang, t, touched]);
  useEscape(running ? writing.stop : null);
  const text = start + join(tokens).text;
  const settled = useDebounced(text, 250);
  // What is clicked is answered at once, what is typed when the typing pauses.
  const now = tokens.length > 0 ? text : settled;
  const next = useNext(model, now, rivals, !running);
  const seen = useLoad(settled === '' || running ? null : `${model}\n${settled}`, (signal) => post<Tokens>('/tokenize', { model, text: settled }, signal));
  const begin = (value: string) => {
    setTouched(true);
    setStart(value);
    change([]);
  };
  const choose = (choice: Choice) => change([...tokens, { ...choice, rivals: next.choices ?? [] }]);
  return (
    <>
    <div className="predict-grid">
      <div className="predict-text">
        <label className="field">
          <span>{t.prompt}</span>
          <textarea className="input" rows={3} data-main-input placeholder={t.predictPlaceholder} value={start} onChange={(event) => begin(event.target.value)} />
        </label>
        <div className="row examples">
          <span className="soft small">{t.examples}</span>
          {t.predictExamples.map((example) => (
            <button type="button" className="chip" key={example} onClick={() => begin(example)}>
              {example}
            </button>
          ))}
        </div>
      </div>
      <div className="predict-story">
        <WrittenText start={start} tokens={tokens} running={running} onRewind={(index) => change(tokens.slice(0, index))} />
        {writing.error !== null && <Failure error={writing.error} />}
        {writing.ended && <p className="notice">{t.special}</p>}
        <div className="row">
          {running ? (
            <Button icon="stop" onClick={writing.stop}>
              {t.stop}
            </Button>
          ) : (
            <Button look="primary" disabled={text === ''} onClick={() => void writing.writeOn(rivals)}>
              {t.writeOn(MORE)}
            </Button>
          )}
          <Button icon="undo" disabled={running || tokens.length === 0} onClick={() => change(tokens.slice(0, -1))}>
            {t.undo}
          </Button>
          <Button icon="redo" disabled={running || tokens.length === 0} onClick={() => change([])}>
            {t.reset}
          </Button>
        </div>
      </div>
      <PromptTokens tokens={seen.value} error={seen.error} retry={seen.reload} empty={settled === ''} />
      <section className="predict-next" aria-label={t.nextToken}>
        <header>
          <h2>{t.nextToken}</h2>
          <div className="row">
            <Select icon="bars" label={t.candidates} value={String(rivals)} options={counts.map((n) => ({ value: String(n), label: String(n) }))} onChange={(n) => setRivals(Number(n))} />
            <Select icon="cube" label={t.model} value={model} options={info.language_models.map((name) => ({ value: name, label: name }))} onChange={setModel} />
          </div>
        </header>
        <p className="soft small">{t.nextTokenHelp}</p>
        {next.error !== null ? (
          <Failure error={next.error} retry={next.reload} />
        ) : (
          <Candidates choices={next.choices} busy={next.busy} empty={text === ''} onChoose={choose} />
        )}
      </section>
    </div>
    <SideBySide names={info.language_models} text={running ? '' : settled} />
    <TypedAnswer model={model} />
    </>
  );
}
