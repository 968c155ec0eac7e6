import { useRef } from 'react';
import type { FileProblem } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';

/** The file's own text, its lines numbered, those with a problem marked. */
export function EditText({ text, problems, onChange }: { text: string; problems: FileProblem[]; onChange: (text: string) => void }) {
  const { t } = useTaskText();
  const numbers = useRef<HTMLOListElement>(null);
  const wrong = new Set(problems.map((problem) => problem.line));
  const lines = text.split('\n').length;
  return (
    <div className="source">
      <ol className="source-lines" ref={numbers} aria-hidden="true">
        {Array.from({ length: lines }, (_, at) => (
          <li key={at} className={wrong.has(at + 1) ? 'wrong' : undefined}>
            {at + 1}
          </li>
        ))}
      </ol>
      <textarea
        className="source-text"
        aria-label={t.asText}
        lang="en"
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        wrap="off"
        rows={Math.min(40, Math.max(24, lines + 1))}
        value={text}
        onChange={(event) => onChange(event.target.value)}
        onScroll={(event) => {
          if (numbers.current) numbers.current.scrollTop = event.currentTarget.scrollTop;
        }}
      />
    </div>
  );
}
