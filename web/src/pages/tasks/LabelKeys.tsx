import { useTaskText } from '../../i18n/tasks';
import { Button } from '../../ui/parts';
import type { Step } from './labelling';

interface LabelKeysProps {
  labels: number;
  canAccept: boolean;
  canUndo: boolean;
  onStep: (step: Step) => void;
  onEdit: () => void;
}

/** The steps as buttons, each with its key: a phone has none. */
export function LabelKeys({ labels, canAccept, canUndo, onStep, onEdit }: LabelKeysProps) {
  const { t } = useTaskText();
  return (
    <footer className="label-keys">
      <Button onClick={() => onStep({ do: 'move', by: -1 })}>
        <kbd>↑</kbd>
        {t.previous}
      </Button>
      <Button onClick={() => onStep({ do: 'move', by: 1 })}>
        <kbd>↓</kbd>
        {t.next}
      </Button>
      <Button look="primary" disabled={!canAccept} onClick={() => onStep({ do: 'accept' })}>
        <kbd>Enter</kbd>
        {t.accept}
      </Button>
      <Button onClick={onEdit}>
        <kbd>e</kbd>
        {t.edit}
      </Button>
      <Button onClick={() => onStep({ do: 'skip' })}>
        <kbd>x</kbd>
        {t.skipRow}
      </Button>
      <Button disabled={!canUndo} onClick={() => onStep({ do: 'undo' })}>
        <kbd>u</kbd>
        {t.undoStep}
      </Button>
      {labels > 0 && (
        <p className="soft small keys-hint">
          <kbd>1</kbd>–<kbd>{Math.min(9, labels)}</kbd> {t.chooseLabel}
        </p>
      )}
    </footer>
  );
}
