import { setLanguage, useText } from '../i18n';
import { Link } from '../lib/router';
import { useStore } from '../lib/store';
import { setTheme, theme, type Theme } from '../lib/theme';
import { Icon, type IconName } from './Icon';
import { Button, Dialog, IconButton } from './parts';

const icons: Record<Theme, IconName> = { auto: 'half', light: 'sun', dark: 'moon' };
const order: Theme[] = ['auto', 'light', 'dark'];

function useThemeNames(): Record<Theme, string> {
  const { t } = useText();
  return { auto: t.themeAuto, light: t.themeLight, dark: t.themeDark };
}

/** Language, appearance and keys, at the foot of the navigation. */
export function Preferences({ onKeys }: { onKeys: () => void }) {
  const { t, lang } = useText();
  const current = useStore(theme);
  const names = useThemeNames();
  const next = order[(order.indexOf(current) + 1) % order.length] ?? 'auto';
  return (
    <>
      <Button
        className="quiet"
        icon="globe"
        title={t.switchLanguage}
        aria-label={t.switchLanguage}
        onClick={() => setLanguage(lang === 'zh' ? 'en' : 'zh')}
      >
        {lang === 'zh' ? 'English' : '中文'}
      </Button>
      <IconButton icon={icons[current]} label={`${t.theme}: ${names[current]}`} onClick={() => setTheme(next)} />
      <IconButton icon="keyboard" label={t.keyboard} onClick={onKeys} />
    </>
  );
}

interface MoreProps {
  pages: readonly { href: string; name: 'predict' | 'models' | 'engine' | 'chat' | 'knowledge' | 'tasks' | 'compare'; icon: IconName }[];
  current: string | null;
  onKeys: () => void;
  onClose: () => void;
}

/** On a phone: the pages that have no room at the bottom, and what is at the foot elsewhere. */
export function MoreDialog({ pages, current, onKeys, onClose }: MoreProps) {
  const { t, lang } = useText();
  const look = useStore(theme);
  const names = useThemeNames();
  return (
    <Dialog title={t.more} onClose={onClose}>
      <nav className="more-pages" aria-label={t.navigation}>
        {pages.map((page) => (
          <Link key={page.name} className="button" href={page.href} aria-current={current === page.name ? 'page' : undefined} onClick={onClose}>
            <Icon name={page.icon} />
            {t[page.name]}
          </Link>
        ))}
      </nav>
      <div className="field">
        <span>{t.language}</span>
        <div className="segments" role="group" aria-label={t.language}>
          <button type="button" lang="zh-CN" aria-pressed={lang === 'zh'} onClick={() => setLanguage('zh')}>
            中文
          </button>
          <button type="button" lang="en" aria-pressed={lang === 'en'} onClick={() => setLanguage('en')}>
            English
          </button>
        </div>
      </div>
      <div className="field">
        <span>{t.theme}</span>
        <div className="segments" role="group" aria-label={t.theme}>
          {order.map((one) => (
            <button key={one} type="button" aria-pressed={look === one} onClick={() => setTheme(one)}>
              <Icon name={icons[one]} size={16} />
              {names[one]}
            </button>
          ))}
        </div>
      </div>
      <footer>
        <Button icon="keyboard" onClick={onKeys}>
          {t.keyboard}
        </Button>
      </footer>
    </Dialog>
  );
}
