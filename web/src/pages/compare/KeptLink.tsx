import type { MouseEvent, ReactNode } from 'react';
import { blob } from '../../api/client';
import { saveBlob } from '../../lib/save';

/** A link to something of the API. A browser sends no key with a link; where one is wanted, the page fetches it and gives a file. */
export function KeptLink({ href, name, children }: { href: string; name: string; children: ReactNode }) {
  const click = (event: MouseEvent) => {
    if (sessionStorage.getItem('sumeru.key') === null) return;
    event.preventDefault();
    void blob(href).then((content) => saveBlob(name, content));
  };
  return (
    <a href={href} target="_blank" rel="noreferrer" onClick={click}>
      {children}
    </a>
  );
}
