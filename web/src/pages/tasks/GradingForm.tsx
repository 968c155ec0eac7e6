import { get } from '../../api/client';
import { useTaskText } from '../../i18n/tasks';
import { useLoad } from '../../lib/useLoad';
import { Button, IconButton } from '../../ui/parts';
import type { PartProps } from './EditForm';
import { lines } from './form';

const KNOWN = 'models-there-are';

/** How a model grades, or which one compares, where the metric has one do it. */
export function GradingForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  const judged = values.metric.startsWith('judge');
  const compared = values.metric === 'similarity';
  const known = useLoad('models that grade', async (signal) => {
    const { data } = await get<{ data: { id: string }[] }>('/v1/models', signal);
    return data.map((model) => model.id).filter((id) => !/^(kb|task)\//.test(id));
  });
  if (!judged && !compared) return null;
  const { judge } = values;
  const set = (part: Partial<typeof judge>) => onChange({ ...values, judge: { ...judge, ...part } });
  return (
    <fieldset className="block">
      <legend>{judged ? t.judge : t.comparer}</legend>
      <datalist id={KNOWN}>
        {known.value?.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {compared && (
        <label className="field">
          <span>{t.embeddingModel}</span>
          <input className="input code" list={KNOWN} spellCheck={false} placeholder={t.usualModel} value={values.similarity} onChange={(event) => onChange({ ...values, similarity: event.target.value })} />
        </label>
      )}
      {judged && (
        <>
          <label className="field">
            <span>{t.rubric}</span>
            <textarea className="input" rows={3} value={judge.rubric} onChange={(event) => set({ rubric: event.target.value })} />
            <span className="soft small">{t.rubricHelp}</span>
          </label>
          <div className="pair">
            <label className="field">
              <span>{t.judgeModel}</span>
              <input className="input code" list={KNOWN} spellCheck={false} placeholder={t.usualModel} value={judge.model} onChange={(event) => set({ model: event.target.value })} />
            </label>
            {values.metric === 'judge' && (
              <label className="field">
                <span>{t.judgeScale}</span>
                <input className="input" inputMode="numeric" placeholder="5" value={judge.scale} onChange={(event) => set({ scale: event.target.value })} />
              </label>
            )}
          </div>
          <label className="field">
            <span>{t.judgeGraded}</span>
            <input className="input code" spellCheck={false} placeholder="graded.jsonl" value={judge.graded} onChange={(event) => set({ graded: event.target.value })} />
            <span className="soft small">{t.judgeGradedHelp}</span>
          </label>
        </>
      )}
    </fieldset>
  );
}

/** What wrong labels cost, and no label; for tasks that answer with one. */
export function CostsForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  if (values.outputKind !== 'labels') return null;
  const { costs } = values;
  const labels = lines(values.labels);
  const set = (part: Partial<typeof costs>) => onChange({ ...values, costs: { ...costs, ...part } });
  const setOne = (at: number, part: Partial<(typeof costs.of)[number]>) => set({ of: costs.of.map((one, place) => (place === at ? { ...one, ...part } : one)) });
  const label = (name: string, value: string, choose: (label: string) => void) => (
    <select className="input" aria-label={name} value={value} onChange={(event) => choose(event.target.value)}>
      {!labels.includes(value) && <option value={value}>{value}</option>}
      {labels.map((one) => (
        <option key={one} value={one}>
          {one}
        </option>
      ))}
    </select>
  );
  return (
    <details className="block" open={costs.wrong !== '' || costs.abstain !== '' || costs.of.length > 0}>
      <summary>{t.costs}</summary>
      <p className="soft small">{t.costsHelp}</p>
      <div className="pair">
        <label className="field">
          <span>{t.costWrong}</span>
          <input className="input" inputMode="decimal" placeholder="1" value={costs.wrong} onChange={(event) => set({ wrong: event.target.value })} />
        </label>
        <label className="field">
          <span>{t.costAbstain}</span>
          <input className="input" inputMode="decimal" placeholder={t.neverAbstains} value={costs.abstain} onChange={(event) => set({ abstain: event.target.value })} />
        </label>
      </div>
      {costs.of.map((one, at) => (
        <div className="cost-line" key={at}>
          {label(t.rightLabel, one.expected, (expected) => setOne(at, { expected }))}
          {label(t.givenLabel, one.answer, (answer) => setOne(at, { answer }))}
          <input className="input" inputMode="decimal" aria-label={t.costOfIt} placeholder={t.costOfIt} value={one.cost} onChange={(event) => setOne(at, { cost: event.target.value })} />
          <IconButton icon="close" label={t.removeCost(at + 1)} onClick={() => set({ of: costs.of.filter((_, place) => place !== at) })} />
        </div>
      ))}
      <Button className="quiet start" icon="plus" disabled={labels.length < 2} onClick={() => set({ of: [...costs.of, { expected: labels[0] ?? '', answer: labels[1] ?? '', cost: '' }] })}>
        {t.addCost}
      </Button>
    </details>
  );
}
