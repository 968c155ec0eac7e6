/** A candidate's name: the route it goes, then the model, which is said more softly. */
export function RouteName({ candidate }: { candidate: string }) {
  const border = candidate.indexOf('@');
  if (border < 0) return <span className="route">{candidate}</span>;
  return (
    <span className="route">
      {candidate.slice(0, border)}
      <span className="soft">{candidate.slice(border)}</span>
    </span>
  );
}
