import { Fragment } from 'react';
import { useText } from '../i18n';
import { Dialog } from './parts';

interface KeyboardHelpProps {
  pages: readonly { name: 'chat' | 'knowledge' | 'tasks' | 'compare' | 'predict' | 'models' | 'engine'; key: string }[];
  onClose: () => void;
}

/** The list of keys. */
export function KeyboardHelp({ pages, onClose }: KeyboardHelpProps) {
  const { t } = useText();
  const keys: [string[], string][] = [
    [['/'], t.keySlash],
    [['Enter'], t.keyEnter],
    [['Shift', 'Enter'], t.keyShiftEnter],
    [['Esc'], t.keyEsc],
    ...pages.map((page): [string[], string] => [['g', page.key], t.keyGoTo(t[page.name])]),
    [['?'], t.keyHelpOpen],
  ];
  return (
    <Dialog title={t.keyboard} onClose={onClose}>
      <dl className="keys">
        {keys.map(([names, does]) => (
          <Fragment key={names.join(' ')}>
            <dt>
              {names.map((name) => (
                <Fragment key={name}>
                  <kbd>{name}</kbd>{' '}
                </Fragment>
              ))}
            </dt>
            <dd>{does}</dd>
          </Fragment>
        ))}
      </dl>
    </Dialog>
  );
}
