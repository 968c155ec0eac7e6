import { useText } from '../../i18n';
import { percent } from '../../lib/format';
import { isWhole, showToken } from '../../lib/text';
import { Skeleton } from '../../ui/parts';
import { restOf, type Choice } from './tokens';

interface CandidatesProps {
  choices: Choice[] | null;
  busy: boolean;
  empty: boolean;
  onChoose: (choice: Choice) => void;
}

/** The likeliest next tokens as bars; a click goes on with one. */
export function Candidates({ choices, busy, empty, onChoose }: CandidatesProps) {
  const { t, lang } = useText();
  if (empty) return <p className="soft">{t.predictPlaceholder}</p>;
  if (!choices) return <Skeleton lines={8} />;
  const rest = restOf(choices);
  if (choices.length === 0) return <p className="notice">{t.special}</p>;
  return (
    <ol className={busy ? 'candidates busy' : 'candidates'} aria-busy={busy}>
      {choices.map((choice) => {
        const shown = showToken(choice.text);
        const p = percent(choice.share, lang);
        const whole = isWhole(choice.text);
        return (
          <li key={choice.text}>
            <button
              type="button"
              className="candidate"
              disabled={!whole}
              title={whole ? undefined : choice.text.startsWith('<|') ? t.special : t.partial}
              aria-label={t.chosen(choice.text, p)}
              onClick={() => onChoose(choice)}
            >
              <Row shown={shown} share={choice.share} p={p} />
            </button>
          </li>
        );
      })}
      <li className="candidate rest">
        <Row shown={t.rest} share={rest} p={percent(rest, lang)} />
      </li>
    </ol>
  );
}

function Row({ shown, share, p }: { shown: string; share: number; p: string }) {
  return (
    <>
      <span className="candidate-token clip">{shown}</span>
      <span className="track">
        <i style={{ width: `${share * 100}%` }} />
      </span>
      <span className="figures candidate-share">{p}</span>
    </>
  );
}
