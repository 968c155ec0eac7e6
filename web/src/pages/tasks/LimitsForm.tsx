import { useTaskText } from '../../i18n/tasks';
import type { PartProps } from './EditForm';
import { markets, needs, places, sensitivities } from './form';

/** Which models may see the rows, and what a way of doing the task must keep to. */
export function LimitsForm({ values, onChange }: PartProps) {
  const { t } = useTaskText();
  const { policy, constraints } = values;
  const setPolicy = (part: Partial<typeof policy>) => onChange({ ...values, policy: { ...policy, ...part } });
  const setLimits = (part: Partial<typeof constraints>) => onChange({ ...values, constraints: { ...constraints, ...part } });
  const dataNames = { public: t.dataPublic, internal: t.dataInternal, personal: t.dataPersonal, secret: t.dataSecret };
  const marketNames = { '2c': t.marketConsumers, '2b': t.marketFirms, government: t.marketGovernment, abroad: t.marketAbroad };
  const placeNames = { local: t.placeLocal, cn: t.placeChina, other: t.placeOther };
  const needNames = { cost: t.cost, latency: t.latency, memory: t.memory };
  const toggled = (all: string[], one: string) => (all.includes(one) ? all.filter((other) => other !== one) : [...all, one]);
  return (
    <>
      <details className="block" open={policy.data !== 'internal' || policy.market !== '' || policy.allow.length > 0}>
        <summary>{t.policy}</summary>
        <p className="soft small">{t.policyHelp}</p>
        <div className="pair">
          <label className="field">
            <span>{t.policyData}</span>
            <select className="input" value={policy.data} onChange={(event) => setPolicy({ data: event.target.value })}>
              {sensitivities.map((one) => (
                <option key={one} value={one}>
                  {dataNames[one]}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>{t.policyMarket}</span>
            <select className="input" value={policy.market} onChange={(event) => setPolicy({ market: event.target.value })}>
              <option value="">{t.notSaid}</option>
              {markets.map((one) => (
                <option key={one} value={one}>
                  {marketNames[one]}
                </option>
              ))}
            </select>
          </label>
        </div>
        <div className="field" role="group" aria-label={t.policyAllow}>
          <span>{t.policyAllow}</span>
          <div className="row">
            {places.map((one) => (
              <label key={one} className="check">
                <input type="checkbox" checked={policy.allow.includes(one)} onChange={() => setPolicy({ allow: toggled(policy.allow, one) })} />
                {placeNames[one]}
              </label>
            ))}
          </div>
        </div>
        <label className="field">
          <span>{t.policyLabel}</span>
          <select className="input" value={policy.label} onChange={(event) => setPolicy({ label: event.target.value })}>
            <option value="">{t.noField}</option>
            {policy.label && values.input.every((field) => field.name !== policy.label) && <option value={policy.label}>{policy.label}</option>}
            {values.input.map((field) => (
              <option key={field.name} value={field.name}>
                {field.name}
              </option>
            ))}
          </select>
        </label>
      </details>
      <details className="block" open={constraints.latency_p95 !== '' || constraints.cost_per_1000 !== '' || constraints.memory !== ''}>
        <summary>{t.constraints}</summary>
        <p className="soft small">{t.constraintsHelp}</p>
        <div className="pair">
          <label className="field">
            <span>{t.limitLatency}</span>
            <input className="input" placeholder="2s" value={constraints.latency_p95} onChange={(event) => setLimits({ latency_p95: event.target.value })} />
          </label>
          <label className="field">
            <span>{t.limitCost}</span>
            <input className="input" inputMode="decimal" placeholder="1.5" value={constraints.cost_per_1000} onChange={(event) => setLimits({ cost_per_1000: event.target.value })} />
          </label>
          <label className="field">
            <span>{t.limitMemory}</span>
            <input className="input" placeholder="2GB" value={constraints.memory} onChange={(event) => setLimits({ memory: event.target.value })} />
          </label>
          <div className="field" role="group" aria-label={t.tieOrder}>
            <span>{t.tieOrder}</span>
            <div className="row">
              {needs.map((one) => (
                <button key={one} type="button" className="chip" aria-pressed={constraints.order.includes(one)} onClick={() => setLimits({ order: toggled(constraints.order, one) })}>
                  {constraints.order.includes(one) && `${constraints.order.indexOf(one) + 1}. `}
                  {needNames[one]}
                </button>
              ))}
            </div>
          </div>
        </div>
      </details>
    </>
  );
}
