import type { Tokens } from '../../api/types';
import { useText } from '../../i18n';
import { showToken } from '../../lib/text';
import { Failure } from '../../ui/parts';

interface PromptTokensProps {
  tokens: Tokens | null;
  error: unknown;
  retry: () => void;
  empty: boolean;
}

/** The text as the model gets it: tokens with their numbers. */
export function PromptTokens({ tokens, error, retry, empty }: PromptTokensProps) {
  const { t } = useText();
  if (empty) return null;
  if (error !== null) return <Failure error={error} retry={retry} />;
  return (
    <section className="prompt-tokens">
      <h2>{tokens ? t.promptTokens(tokens.count) : t.predicting}</h2>
      <p className="soft small">{t.promptTokensHelp}</p>
      <ol>
        {tokens?.tokens.map((piece, index) => (
          <li key={index}>
            <span>{showToken(piece.text, piece.bytes)}</span>
            <small className="figures">{piece.id}</small>
          </li>
        ))}
      </ol>
    </section>
  );
}
