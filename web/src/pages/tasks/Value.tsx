import type { Json } from '../../api/tasks';

/** A value by its type: a label as a badge, text as text, a record as its fields, a list as a list. */
export function Value({ value, label }: { value: Json | undefined; label?: boolean }) {
  if (value === undefined || value === null) return <span className="soft">∅</span>;
  if (typeof value === 'string') return label ? <span className="badge label">{value}</span> : <span className="value-text">{value}</span>;
  if (typeof value === 'number') return <span className="figures">{value}</span>;
  if (typeof value === 'boolean') return <code>{String(value)}</code>;
  if (Array.isArray(value)) {
    if (value.length === 0) return <span className="soft">[ ]</span>;
    return (
      <ol className={value.every((one) => typeof one !== 'object') ? 'value-list flat' : 'value-list'}>
        {value.map((one, at) => (
          <li key={at}>
            <Value value={one} />
          </li>
        ))}
      </ol>
    );
  }
  return (
    <dl className="value-record">
      {Object.entries(value).map(([key, one]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>
            <Value value={one} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
