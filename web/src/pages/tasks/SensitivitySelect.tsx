import { useTaskText } from '../../i18n/tasks';
import { sensitivities } from './form';

/** How sensitive a row is, to choose; what is none of the labels stays in sight. */
export function SensitivitySelect({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTaskText();
  const names: Record<(typeof sensitivities)[number], string> = { public: t.dataPublic, internal: t.dataInternal, personal: t.dataPersonal, secret: t.dataSecret };
  return (
    <select className="input" value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">{t.notSaid}</option>
      {value !== '' && !sensitivities.some((one) => one === value) && <option value={value}>{value}</option>}
      {sensitivities.map((one) => (
        <option key={one} value={one}>
          {names[one] === one ? one : `${one} · ${names[one]}`}
        </option>
      ))}
    </select>
  );
}
