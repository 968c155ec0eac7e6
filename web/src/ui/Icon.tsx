const paths = {
  chat: 'M4 5.5h16v11H9.5L5.5 20v-3.5H4z',
  book: 'M5 4.5h5.5A1.5 1.5 0 0 1 12 6v14a1.5 1.5 0 0 0-1.5-1.5H5zM19 4.5h-5.5A1.5 1.5 0 0 0 12 6v14a1.5 1.5 0 0 1 1.5-1.5H19z',
  bars: 'M5 20V10M10 20V4M15 20v-7M20 20v-4',
  cube: 'M12 3.5 20 8v8l-8 4.5L4 16V8zM4 8l8 4.5L20 8M12 12.5v8',
  gauge: 'M4.5 17.5a8.5 8.5 0 1 1 15 0M12 14.5l4-5M12 14.5h.01',
  target: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 12h.01',
  scatter: 'M4.5 4.5v15h15M9 14.5h.01M12.5 10.5h.01M17 7h.01M15.5 14h.01',
  play: 'M7.5 5v14l11-7z',
  next: 'M9 6l6 6-6 6',
  tag: 'M4 4.5h8l8 8-7.5 7.5-8-8zM8.5 8.5h.01',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
  half: 'M12 3.5a8.5 8.5 0 1 0 0 17zM12 3.5a8.5 8.5 0 0 1 0 17M12 3.5v17',
  globe: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17',
  keyboard: 'M3.5 6.5h17v11h-17zM7 10h.01M11 10h.01M15 10h.01M17.5 10h.01M8 14h8',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M7 7h10v10H7z',
  copy: 'M8.5 8.5h11v11h-11zM15.5 8.5v-4h-11v11h4',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  redo: 'M19.5 5v5h-5M19 10a7.5 7.5 0 1 0 .5 4',
  pencil: 'M4.5 19.5 5.5 15 16 4.5l3.5 3.5L9 18.5z',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 12.5h9l1-12.5M10 10.5v6M14 10.5v6',
  file: 'M6 3.5h8l4 4v13H6zM14 3.5v4h4',
  search: 'M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5',
  upload: 'M12 16V4.5M7 9.5l5-5 5 5M4.5 16v3.5h15V16',
  folder: 'M3.5 6h6l2 2.5h9v10.5h-17z',
  down: 'M12 5v14M6 13l6 6 6-6',
  warn: 'M12 4 21 19.5H3zM12 10v4.5M12 17h.01',
  back: 'M19 12H5M11 6l-6 6 6 6',
  list: 'M8.5 6.5h12M8.5 12h12M8.5 17.5h12M4 6.5h.01M4 12h.01M4 17.5h.01',
  undo: 'M9 14 4.5 9.5 9 5M4.5 9.5h9a6 6 0 0 1 0 12H11',
} as const;

export type IconName = keyof typeof paths;

/** A line drawing beside words; never carries meaning alone. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
