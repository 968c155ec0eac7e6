import { useState, type CSSProperties } from 'react';
import { useText } from '../../i18n';
import { percent } from '../../lib/format';
import { showToken } from '../../lib/text';
import { Tip } from '../../ui/Tip';
import type { Written } from './tokens';

interface WrittenTextProps {
  start: string;
  tokens: Written[];
  running: boolean;
  onRewind: (index: number) => void;
}

const RIVALS = 6;

/** The beginning and what was put after it, each token coloured by how sure the model was. */
export function WrittenText({ start, tokens, running, onRewind }: WrittenTextProps) {
  const { t, lang } = useText();
  const [hovered, setHovered] = useState<{ token: Written; anchor: DOMRect } | null>(null);
  if (tokens.length === 0 && !running) return null;
  const show = (token: Written, element: HTMLElement) => setHovered({ token, anchor: element.getBoundingClientRect() });
  return (
    <section className="written">
      <header>
        <h2>{t.written}</h2>
        <p className="scale small soft" aria-hidden="true">
          {t.unsure}
          <i />
          {t.sure}
        </p>
      </header>
      <p className="soft small">{t.writtenHelp}</p>
      <p className="written-text">
        <span className="soft">{start}</span>
        {tokens.map((token, index) => (
          <button
            type="button"
            className="token"
            key={index}
            style={{ '--share': `${Math.round(token.share * 100)}%` } as CSSProperties}
            aria-label={`${token.text} ${percent(token.share, lang)}`}
            disabled={running}
            onMouseEnter={(event) => show(token, event.currentTarget)}
            onFocus={(event) => show(token, event.currentTarget)}
            onMouseLeave={() => setHovered(null)}
            onBlur={() => setHovered(null)}
            onClick={() => {
              setHovered(null);
              onRewind(index);
            }}
          >
            {showWritten(token.text)}
          </button>
        ))}
      </p>
      {hovered && (
        <Tip anchor={hovered.anchor}>
          <ol className="rivals">
            {rivalsOf(hovered.token).map((rival) => (
              <li key={rival.text} className={rival.text === hovered.token.text ? 'here' : undefined}>
                <span className="clip">{showToken(rival.text)}</span>
                <span className="track">
                  <i style={{ width: `${rival.share * 100}%` }} />
                </span>
                <span className="figures">{percent(rival.share, lang)}</span>
              </li>
            ))}
          </ol>
        </Tip>
      )}
    </section>
  );
}

/** The likeliest at the place; the one that was taken is always among them. */
function rivalsOf(token: Written) {
  const top = token.rivals.slice(0, RIVALS);
  return top.some((rival) => rival.text === token.text) ? top : [...top.slice(0, RIVALS - 1), { text: token.text, share: token.share }];
}

/** In running text blanks stay blanks; a line's end is shown and kept. */
function showWritten(text: string): string {
  return /^bytes:/.test(text) || text === '' ? showToken(text) : text.replace(/\n/g, '↵\n');
}
