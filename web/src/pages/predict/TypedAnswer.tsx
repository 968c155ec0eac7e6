import { useEffect, useRef, useState } from 'react';
import { errorIn, isAbort, postEvents } from '../../api/client';
import type { ChatChunk } from '../../api/types';
import { useText } from '../../i18n';
import { useEscape } from '../../lib/useEscape';
import { Button, Failure } from '../../ui/parts';
import { Select } from '../../ui/Select';
import { examples, forms, held, type Form } from './forms';

/** Tokens of an answer, at most. */
const MOST = 200;

interface Answer {
  text: string;
  /** Whether it came to its end; one that was cut is not in its form yet. */
  whole: boolean | null;
}

/** An answer that cannot be in another form than the one asked for. */
export function TypedAnswer({ model }: { model: string }) {
  const { t, lang } = useText();
  const [form, setForm] = useState<Form>('schema');
  const [written, setWritten] = useState(examples);
  const [question, setQuestion] = useState<string | null>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);
  useEscape(running ? () => control.current?.abort() : null);
  const names: Record<Form, string> = { schema: t.formSchema, choice: t.formChoice, regex: t.formRegex, grammar: t.formGrammar };
  const helps: Record<Form, string> = { schema: t.formSchemaHelp, choice: t.formChoiceHelp, regex: t.formRegexHelp, grammar: t.formGrammarHelp };
  const asked = question ?? t.formQuestions[forms.indexOf(form)] ?? '';
  const ask = async () => {
    const own = new AbortController();
    control.current = own;
    setError(null);
    setAnswer({ text: '', whole: null });
    setRunning(true);
    try {
      const body = { model, messages: [{ role: 'user', content: asked }], max_tokens: MOST, temperature: 0, stream: true, ...held(form, written[form]) };
      let text = '';
      for await (const { data } of postEvents('/v1/chat/completions', body, own.signal)) {
        if (data === '[DONE]') break;
        const chunk = JSON.parse(data) as ChatChunk;
        if (chunk.error) throw errorIn(data);
        const choice = chunk.choices[0];
        text += choice?.delta.content ?? '';
        if (!own.signal.aborted) setAnswer({ text, whole: choice?.finish_reason ? choice.finish_reason === 'stop' : null });
      }
    } catch (problem) {
      if (!isAbort(problem)) {
        setError(problem instanceof SyntaxError ? new Error(t.formNoJson(problem.message)) : problem);
        setAnswer(null);
      }
    }
    setRunning(false);
  };
  return (
    <section className="typed" aria-label={t.typed}>
      <h2>{t.typed}</h2>
      <p className="soft small">{t.typedHelp}</p>
      <div className="typed-grid">
        <div className="typed-form">
          <div className="row">
            <Select icon="list" label={t.form} value={form} options={forms.map((value) => ({ value, label: names[value] }))} onChange={(value) => setForm(value as Form)} />
            <span className="soft small">{helps[form]}</span>
          </div>
          <textarea
            className="input code"
            lang="en"
            spellCheck={false}
            rows={form === 'schema' ? 12 : 4}
            aria-label={names[form]}
            value={written[form]}
            onChange={(event) => setWritten({ ...written, [form]: event.target.value })}
          />
        </div>
        <div className="typed-answer">
          <label className="field">
            <span>{t.formQuestion}</span>
            <textarea className="input" rows={2} key={lang} value={asked} onChange={(event) => setQuestion(event.target.value)} />
          </label>
          <div className="row">
            {running ? (
              <Button icon="stop" onClick={() => control.current?.abort()}>
                {t.stop}
              </Button>
            ) : (
              <Button look="primary" disabled={asked.trim() === '' || written[form].trim() === ''} onClick={() => void ask()}>
                {t.formAsk}
              </Button>
            )}
          </div>
          {error !== null && <Failure error={error} />}
          {answer && (
            <pre className="typed-text" aria-live="polite" aria-busy={running}>
              {pretty(answer)}
            </pre>
          )}
          {answer?.whole === false && <p className="notice">{t.formCut(MOST)}</p>}
        </div>
      </div>
    </section>
  );
}

/** JSON in lines once it is whole; everything else as it came. */
function pretty({ text, whole }: Answer): string {
  if (!whole || !text.startsWith('{')) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
