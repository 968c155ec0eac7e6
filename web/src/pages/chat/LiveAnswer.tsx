import { useMemo } from 'react';
import { useText } from '../../i18n';
import { count, remaining } from '../../lib/format';
import { render } from '../../lib/markdown';
import { placePending } from '../../lib/text';
import { Icon } from '../../ui/Icon';
import { Bar } from '../../ui/parts';
import type { Live } from './session';

type State = 'done' | 'now' | 'later';

/** An answer as it comes: what is going on, then the words. */
export function LiveAnswer({ live, base }: { live: Live; base: string | null }) {
  const { t } = useText();
  const html = useMemo(() => {
    const { text, markers } = base === null ? { text: live.text, markers: [] } : placePending(live.text);
    return render(text, markers, { copy: t.copy, citation: t.citation });
  }, [live.text, base, t]);
  if (live.text === '') {
    return (
      <div className="answer" role="status">
        {base === null ? <Plain live={live} /> : <Steps live={live} />}
      </div>
    );
  }
  return (
    <div className="answer streaming" aria-busy="true">
      {live.found && <p className="found-line soft small">{t.passagesRead(live.found.length)}</p>}
      <div className="prose" dangerouslySetInnerHTML={{ __html: html }} />
    </div>
  );
}

function Line({ state, children }: { state: State; children: React.ReactNode }) {
  return (
    <li className={`step ${state}`} aria-current={state === 'now' ? 'step' : undefined}>
      {state === 'done' ? <Icon name="check" size={16} /> : <i className={state === 'now' ? 'pulse' : 'dot'} />}
      <div>{children}</div>
    </li>
  );
}

/** Searching, reading, writing; the one going on says how far it is. */
function Steps({ live }: { live: Live }) {
  const { t } = useText();
  const { stage, found } = live;
  const writing = stage === 'writing';
  return (
    <ol className="steps">
      <Line state={found ? 'done' : 'now'}>{found ? t.stepFound(found.length) : t.stepSearching}</Line>
      <Line state={writing ? 'done' : found ? 'now' : 'later'}>{found && !writing ? <Doing live={live} /> : t.stepRead}</Line>
      <Line state={writing ? 'now' : 'later'}>{writing ? t.stepWriting : t.stepWrite}</Line>
    </ol>
  );
}

function Plain({ live }: { live: Live }) {
  return (
    <ol className="steps">
      <Line state="now">
        <Doing live={live} />
      </Line>
    </ol>
  );
}

function Doing({ live }: { live: Live }) {
  const { t, lang } = useText();
  if (live.stage === 'queued') return t.stepQueued(live.ahead);
  if (live.stage === 'loading') return t.stepLoading(live.model);
  if (live.stage === 'writing' || live.stage === 'waiting') return t.stepWriting;
  if (live.total === 0) return t.stepRead;
  const parts = [t.stepPrompt(count(live.done, lang), count(live.total, lang))];
  if (live.rate) parts.push(t.left(remaining(((live.total - live.done) / live.rate) * 1000, lang)));
  return (
    <>
      <span className="figures">{parts.join(' · ')}</span>
      <Bar share={live.done / live.total} label={t.stepRead} />
    </>
  );
}
