import { useLayoutEffect, useRef, type ReactNode } from 'react';
import { createPortal } from 'react-dom';

/** A card near an element, above it where there is room; it never takes the pointer. */
export function Tip({ anchor, children }: { anchor: DOMRect; children: ReactNode }) {
  const card = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = card.current;
    if (!element) return;
    const gap = 8;
    const { width, height } = element.getBoundingClientRect();
    const left = Math.min(Math.max(12, anchor.left + anchor.width / 2 - width / 2), innerWidth - width - 12);
    const above = anchor.top - height - gap;
    element.style.left = `${left}px`;
    element.style.top = `${above >= 8 ? above : anchor.bottom + gap}px`;
  }, [anchor, children]);
  return createPortal(
    <div className="tip" role="tooltip" ref={card}>
      {children}
    </div>,
    document.body,
  );
}
