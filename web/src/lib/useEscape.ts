import { useEffect, useRef } from 'react';

const stack: (() => void)[] = [];

if (typeof window !== 'undefined') {
  window.addEventListener('keydown', (event) => {
    // A dialog closes itself; a word being composed is not finished by the page.
    if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const last = stack[stack.length - 1];
    if (!last) return;
    event.preventDefault();
    last();
  });
}

/** Does this on Esc while it is the last thing that asked for it. */
export function useEscape(act: (() => void) | null): void {
  const latest = useRef(act);
  latest.current = act;
  const wanted = act !== null;
  useEffect(() => {
    if (!wanted) return;
    const call = () => latest.current?.();
    stack.push(call);
    return () => {
      stack.splice(stack.indexOf(call), 1);
    };
  }, [wanted]);
}
