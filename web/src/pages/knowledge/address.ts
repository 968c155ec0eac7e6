/** The address of a knowledge base's page. */
export function baseHref(name: string, view?: 'search'): string {
  return `/knowledge/${encodeURIComponent(name)}${view ? `?view=${view}` : ''}`;
}

/** The address of a new conversation with it. */
export function askHref(name: string): string {
  return `/?kb=${encodeURIComponent(name)}`;
}
