const paths = {
  chat: 'M4 5.500h16v11H9.500L5.5 20v-3.500H4z',
  book: 'M5 4.500h5.500A1.5 1.5 0 0 1 12 6v14a1.5 1.5 0 0 0-1.5-1.500H5zM19 4.500h-5.500A1.5 1.5 0 0 0 12 6v14a1.5 1.5 0 0 1 1.5-1.500H19z',
  bars: 'M5 20V10M10 20V4M15 20v-7M20 20v-4',
  cube: 'M12 3.5 20 8v8l-8 4.500L4 16V8zM4 8l8 4.500L20 8M12 12.500v8',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400',
  moon: 'M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500z',
  half: 'M12 3.500a8.5 8.5 0 1 0 0 17zM12 3.500a8.5 8.5 0 0 1 0 17M12 3.500v17',
  globe: 'M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM3.5 12h17M12 3.500c5 5 5 12 0 17M12 3.500c-5 5-5 12 0 17',
  keyboard: 'M3.5 6.500h17v11h-17zM7 10h.010M11 10h.010M15 10h.010M17.5 10h.010M8 14h8',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M7 7h10v10H7z',
  copy: 'M8.5 8.500h11v11h-11zM15.5 8.500v-4h-11v11h4',
  check: 'M5 12.500l4.5 4.500L19 7.5',
  redo: 'M19.5 5v5h-5M19 10a7.5 7.5 0 1 0 .500 4',
  pencil: 'M4.5 19.5 5.5 15 16 4.500l3.5 3.500L9 18.500z',
  trash: 'M4.5 7h15M9.5 7V4.500h5V7M6.5 7l1 12.500h9l1-12.500M10 10.500v6M14 10.500v6',
  file: 'M6 3.500h8l4 4v13H6zM14 3.500v4h4',
  search: 'M10.5 4.500a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5',
  upload: 'M12 16V4.500M7 9.500l5-5 5 5M4.5 16v3.500h15V16',
  folder: 'M3.5 6h6l2 2.500h9v10.500h-17z',
  down: 'M12 5v14M6 13l6 6 6-6',
  warn: 'M12 4 21 19.500H3zM12 10v4.500M12 17h.01',
  back: 'M19 12H5M11 6l-6 6 6 6',
  list: 'M8.5 6.500h12M8.5 12h12M8.5 17.500h12M4 6.500h.010M4 12h.010M4 17.500h.01',
  undo: 'M9 14 4.5 9.5 9 5M4.5 9.500h9a6 6 0 0 1 0 12H11',
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
