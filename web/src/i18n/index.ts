import { keep, recall, Store, useStore } from '../lib/store';
import { phrases, type Lang, type Text } from './catalogue';

const KEY = 'sumeru.language';
const all: Record<Lang, Text> = { zh: phrases('zh'), en: phrases('en') };

/** The browser's language, unless the reader chose one here. */
export function firstLanguage(chosen: unknown, browser: readonly string[]): Lang {
  if (chosen === 'zh' || chosen === 'en') return chosen;
  const known = browser.map((tag) => tag.toLowerCase().split('-')[0]).find((tag) => tag === 'zh' || tag === 'en');
  return known === 'zh' ? 'zh' : 'en';
}

const store = new Store<Lang>(firstLanguage(recall<unknown>(KEY, null), typeof navigator === 'undefined' ? [] : navigator.languages));

function tell(lang: Lang): void {
  if (typeof document !== 'undefined') document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
}
tell(store.get());

export function setLanguage(lang: Lang): void {
  keep(KEY, lang);
  tell(lang);
  store.set(lang);
}

/** The phrases and the language they are in. */
export function useText(): { t: Text; lang: Lang } {
  const lang = useStore(store);
  return { t: all[lang], lang };
}
