import { keep, recall, Store } from './store';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'sumeru.theme';
const known = recall<unknown>(KEY, 'auto');

export const theme = new Store<Theme>(known === 'light' || known === 'dark' ? known : 'auto');

function show(value: Theme): void {
  if (value === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
}

export function setTheme(value: Theme): void {
  keep(KEY, value);
  show(value);
  theme.set(value);
}

export function startTheme(): void {
  show(theme.get());
}
