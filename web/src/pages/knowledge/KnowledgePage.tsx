import { BasePage } from './BasePage';
import { BaseList } from './BaseList';

/** All knowledge bases, or one of them. */
export default function KnowledgePage({ name, view }: { name: string | null; view: string | null }) {
  return name === null ? <BaseList /> : <BasePage key={name} name={name} view={view === 'search' ? 'search' : 'documents'} />;
}
