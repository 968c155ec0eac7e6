import { Icon, type IconName } from './Icon';

interface SelectProps {
  icon?: IconName;
  label: string;
  value: string;
  options: { value: string; label: string }[];
  onChange: (value: string) => void;
}

/** The browser's own list, which phones and screen readers know how to show. */
export function Select({ icon, label, value, options, onChange }: SelectProps) {
  return (
    <label className="select" title={label}>
      {icon && <Icon name={icon} size={16} />}
      <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}
