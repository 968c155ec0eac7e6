import type { Entrant } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';

interface FinalistSelectProps {
  finalists: Entrant[];
  value: string;
  onLook: (candidate: string) => void;
}

/** Which finalist is looked at. */
export function FinalistSelect({ finalists, value, onLook }: FinalistSelectProps) {
  const { t } = useTaskText();
  return (
    <label className="select" title={t.candidate}>
      <select aria-label={t.candidate} value={value} onChange={(event) => onLook(event.target.value)}>
        {finalists.map((entrant) => (
          <option key={entrant.candidate} value={entrant.candidate}>
            {entrant.candidate}
          </option>
        ))}
      </select>
    </label>
  );
}
