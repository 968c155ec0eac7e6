import { useState } from 'react';
import { ApiError } from '../../api/client';
import type { Choice, Racer, RacerState } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { reason } from '../../i18n/reasons';
import { count, duration, remaining, score } from '../../lib/format';
import { Bar, Button, Failure } from '../../ui/parts';
import { RouteName } from '../tasks/RouteName';

const order: RacerState[] = ['final', 'racing', 'preparing', 'waiting', 'out', 'dropped', 'withdrawn'];

interface RaceProps {
  choice: Choice;
  onStop: () => Promise<void>;
  /** Nothing if nobody knows on what terms it would go on. */
  onGoOn: (() => Promise<void>) | null;
}

/** A choice while it runs, or where it was stopped. */
export function Race({ choice, onStop, onGoOn }: RaceProps) {
  const { t, lang } = useTaskText();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const attempt = async (act: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    await act().catch(setError);
    setBusy(false);
  };
  const running = choice.state === 'running';
  const facts = [t.asked(count(choice.asked, lang), count(choice.most, lang)), duration(choice.seconds * 1000, lang)];
  if (choice.graded > 0) facts.push(t.graded(count(choice.graded, lang)));
  if (running && choice.seconds > 0 && choice.asked > 0) facts.push(t.answersPerSecond((choice.asked / choice.seconds).toFixed(1)));
  if (running && choice.seconds_left !== null) facts.push(t.left(remaining(choice.seconds_left * 1000, lang)));
  const { parts } = choice;
  const sorted = [...choice.candidates].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || (b.mean ?? -1) - (a.mean ?? -1));
  const titles = { running: t.choosingNow, stopped: t.choosingStopped, failed: t.choosingFailed, done: t.choosingDone, idle: '' };
  return (
    <section className="race" aria-label={t.choose} data-state={choice.state}>
      <header className="results-head">
        <h2>{titles[choice.state]}</h2>
        <p className="soft small figures grow" role="status">
          {facts.join(' · ')}
        </p>
        {running ? (
          <Button icon="stop" disabled={busy} onClick={() => void attempt(onStop)}>
            {t.stop}
          </Button>
        ) : (
          onGoOn && (
            <Button look="primary" icon="play" disabled={busy} onClick={() => void attempt(onGoOn)}>
              {t.goOn}
            </Button>
          )
        )}
      </header>
      <Bar share={choice.most > 0 ? choice.asked / choice.most : 0} label={t.choose} />
      {parts && <p className="soft small">{t.partsAre(count(parts.train, lang), count(parts.development, lang), count(parts.test, lang))}</p>}
      {choice.error !== null && <Failure error={new ApiError(choice.error, 200, null)} />}
      {error !== null && <Failure error={error} />}
      {choice.state === 'stopped' && <p className="soft small">{t.stoppedHelp}</p>}
      {sorted.length > 0 && (
        <table className="table task-table race-table">
          <thead>
            <tr>
              <th scope="col">{t.candidate}</th>
              <th scope="col">{t.raced}</th>
              <th scope="col" className="number">
                {t.mean}
              </th>
              <th scope="col" className="number">
                {t.medianTime}
              </th>
              <th scope="col">{t.state}</th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((racer) => (
              <RacerRow key={racer.candidate} racer={racer} most={(racer.state === 'final' ? parts?.test : parts?.development) ?? 0} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function RacerRow({ racer, most }: { racer: Racer; most: number }) {
  const { t, lang } = useTaskText();
  const words: Record<RacerState, string> = {
    waiting: t.racerWaiting,
    preparing: t.racerPreparing,
    racing: t.racerRacing,
    dropped: racer.by ? t.racerBeaten(racer.by) : t.racerDropped,
    withdrawn: racer.why ? t.racerWithdrawnWhy(reason(racer.why, lang)) : t.racerWithdrawn,
    final: t.racerFinal,
    out: t.racerOut,
  };
  const gone = racer.state === 'dropped' || racer.state === 'withdrawn' || racer.state === 'out';
  const share = most > 0 ? Math.min(1, racer.examples / most) : 0;
  return (
    <tr className={gone ? 'gone' : undefined} data-candidate={racer.candidate} data-state={racer.state}>
      <th scope="row">
        <RouteName candidate={racer.candidate} />
      </th>
      <td data-label={t.raced}>
        <span className="race-bar">
          <span className="track">
            <i style={{ width: `${share * 100}%` }} />
          </span>
          <span className="figures small soft">{count(racer.examples, lang)}</span>
        </span>
      </td>
      <td className="number" data-label={t.mean}>
        {racer.mean === null ? '–' : score(racer.mean, lang)}
      </td>
      <td className="number" data-label={t.medianTime}>
        {racer.milliseconds === null ? '–' : duration(racer.milliseconds, lang)}
      </td>
      <td className="cell-text small" data-label={t.state}>
        {words[racer.state]}
      </td>
    </tr>
  );
}
