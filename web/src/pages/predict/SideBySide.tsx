import { useState } from 'react';
import { get, post } from '../../api/client';
import type { CatalogueModel, Completion } from '../../api/types';
import { useText } from '../../i18n';
import { percent } from '../../lib/format';
import { showToken } from '../../lib/text';
import { useLoad } from '../../lib/useLoad';
import { Failure, Skeleton } from '../../ui/parts';
import { Select } from '../../ui/Select';
import { bitsPerByte, firstModels, kindOf } from './kinds';
import { choicesAt } from './tokens';

/** Models beside each other, and tokens told of each. */
const MODELS = 3;
const TOKENS = 6;

/** The same text before several models: what each expects next. */
export function SideBySide({ names, text }: { names: string[]; text: string }) {
  const { t } = useText();
  const catalogue = useLoad('catalogue', async (signal) => (await get<{ models: CatalogueModel[] }>('/v1/catalogue', signal)).models);
  const [chosen, setChosen] = useState<string[]>([]);
  if (names.length < 2 || text === '') return null;
  const models = catalogue.value ?? [];
  const first = firstModels(names, models, MODELS);
  const shown = first.map((name, index) => chosen[index] ?? name);
  const choose = (index: number, name: string) => setChosen(shown.map((old, other) => (other === index ? name : old)));
  return (
    <section className="side-by-side" aria-label={t.sideBySide}>
      <h2>{t.sideBySide}</h2>
      <p className="soft small">{t.sideBySideHelp}</p>
      {catalogue.error !== null && <Failure error={catalogue.error} retry={catalogue.reload} />}
      {catalogue.value && (
        <ul>
          {shown.map((name, index) => (
            <li key={index}>
              <Select icon="cube" label={t.model} value={name} options={names.map((other) => ({ value: other, label: other }))} onChange={(other) => choose(index, other)} />
              <Expectation model={name} text={text} architecture={models.find((model) => model.name === name)?.architecture ?? ''} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Expectation({ model, text, architecture }: { model: string; text: string; architecture: string }) {
  const { t, lang } = useText();
  const asked = useLoad(`${model}\n${text}`, (signal) =>
    post<Completion>('/v1/completions', { model, prompt: text, echo: true, max_tokens: 1, temperature: 0, logprobs: TOKENS }, signal),
  );
  const logprobs = asked.value?.choices[0]?.logprobs ?? null;
  const prompt = logprobs ? logprobs.tokens.length - 1 : 0;
  const bits = bitsPerByte(logprobs, prompt);
  return (
    <>
      <p className="soft small">{{ transformer: t.kindTransformer, rwkv: t.kindRwkv, mamba: t.kindMamba }[kindOf(architecture)]}</p>
      {asked.error !== null && <Failure error={asked.error} retry={asked.reload} />}
      {asked.loading && <Skeleton lines={TOKENS} />}
      {logprobs && (
        <>
          <ol className="expected">
            {choicesAt(logprobs, prompt).map((choice) => (
              <li className="candidate" key={choice.text}>
                <span className="candidate-token clip">{showToken(choice.text)}</span>
                <span className="track">
                  <i style={{ width: `${choice.share * 100}%` }} />
                </span>
                <span className="figures candidate-share">{percent(choice.share, lang)}</span>
              </li>
            ))}
          </ol>
          <p className="figures small">{t.readAs(prompt, bits === null ? null : bits.toFixed(2))}</p>
        </>
      )}
    </>
  );
}
