import { useState } from 'react';
import type { Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { count, remaining } from '../../lib/format';
import { Bar, Button, Failure } from '../../ui/parts';
import { Labeller } from './Labeller';
import { Results } from './Results';
import { RowInput } from './RowInput';
import { forget, goOn, start, stop, useSitting, type Sitting } from './sitting';

/** Rows in, answers out, and from there to labels. */
export function RunView({ task, onLabelled }: { task: Task; onLabelled: () => void }) {
  const { t } = useTaskText();
  const sitting = useSitting(task.name);
  const [labelling, setLabelling] = useState(false);
  if (labelling && sitting) {
    return (
      <Labeller
        task={task}
        sitting={sitting}
        onClose={() => {
          setLabelling(false);
          onLabelled();
        }}
      />
    );
  }
  return (
    <div className="run">
      <RowInput task={task} busy={sitting?.running ?? false} onRun={(rows) => start(task.name, rows)} />
      {sitting && (
        <section className="results" aria-label={t.results}>
          <RunState name={task.name} sitting={sitting} onLabel={() => setLabelling(true)} />
          <Results task={task} sitting={sitting} />
        </section>
      )}
    </div>
  );
}

function RunState({ name, sitting, onLabel }: { name: string; sitting: Sitting; onLabel: () => void }) {
  const { t, lang } = useTaskText();
  const done = sitting.answers.filter((answer) => answer !== null).length;
  const failed = sitting.answers.filter((answer) => answer?.error !== undefined).length;
  const all = sitting.rows.length;
  const seconds = (performance.now() - sitting.since) / 1000;
  const rate = (done - sitting.before) / Math.max(seconds, 0.001);
  const facts = [t.answersDone(count(done, lang), count(all, lang))];
  if (failed > 0) facts.push(t.answersFailed(count(failed, lang)));
  if (sitting.running && rate > 0) facts.push(t.rowsPerSecond(rate.toFixed(1)), t.left(remaining(((all - done) / rate) * 1000, lang)));
  if (sitting.candidate) facts.push(t.answeredBy(sitting.candidate));
  return (
    <>
      <header className="results-head">
        <h2>{t.results}</h2>
        <p className="soft small figures grow" role="status">
          {facts.join(' · ')}
        </p>
        {sitting.running && (
          <Button icon="stop" onClick={() => stop(name)}>
            {t.stop}
          </Button>
        )}
        {!sitting.running && done < all && (
          <Button icon="play" onClick={() => void goOn(name)}>
            {t.goOn}
          </Button>
        )}
        {!sitting.running && <Button onClick={() => forget(name)}>{t.clear}</Button>}
        <Button look="primary" icon="tag" disabled={done === 0} onClick={onLabel}>
          {t.collectLabels}
        </Button>
      </header>
      {sitting.running && <Bar share={done / Math.max(1, all)} label={t.results} />}
      {sitting.error !== null && <Failure error={sitting.error} retry={() => void goOn(name)} />}
    </>
  );
}
