import { setLanguage, useText } from '../i18n';
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

/** The same on a phone, where there is no foot. */
export function MoreDialog({ onKeys, onClose }: { onKeys: () => void; onClose: () => void }) {
  const { t, lang } = useText();
  const current = useStore(theme);
  const names = useThemeNames();
  return (
    <Dialog title={t.more} onClose={onClose}>
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
            <button key={one} type="button" aria-pressed={current === one} onClick={() => setTheme(one)}>
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
