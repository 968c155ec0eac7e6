import { Store, useStore } from '../../lib/store';
import type { FormValues } from './form';

/** What was changed in a task's file and not saved yet: its text, or the form. */
export type Draft = { text: string } | { form: FormValues };

const drafts = new Store<Record<string, Draft>>({});

/** Pages and tabs come and go; what was written stays until it is saved or thrown away. */
export function useDraft(name: string): Draft | null {
  return useStore(drafts)[name] ?? null;
}

export function setDraft(name: string, draft: Draft | null): void {
  const rest = { ...drafts.get() };
  if (draft) rest[name] = draft;
  else delete rest[name];
  drafts.set(rest);
}

if (typeof window !== 'undefined') {
  window.addEventListener('beforeunload', (event) => {
    if (Object.keys(drafts.get()).length > 0) event.preventDefault();
  });
}
