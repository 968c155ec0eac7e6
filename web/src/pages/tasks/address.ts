export const views = ['run', 'edit', 'rows', 'decision'] as const;
export type View = (typeof views)[number];

/** The address of a task's page. */
export function taskHref(name: string, view: View = 'run'): string {
  return `/tasks/${encodeURIComponent(name)}${view === 'run' ? '' : `?view=${view}`}`;
}

/** The address of what was measured for a task. */
export function compareHref(name: string, decision?: string | null): string {
  return `/compare/${encodeURIComponent(name)}${decision ? `?decision=${encodeURIComponent(decision)}` : ''}`;
}
