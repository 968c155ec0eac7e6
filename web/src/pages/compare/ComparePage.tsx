import '../../i18n/reasons-tasks';
import '../../styles/tasks.css';
import '../../styles/compare.css';
import { CompareList } from './CompareList';
import { TaskCompare } from './TaskCompare';

/** Which task to compare for, or what was measured for one. */
export default function ComparePage({ name, decision }: { name: string | null; decision: string | null }) {
  return name === null ? <CompareList /> : <TaskCompare key={name} name={name} wanted={decision} />;
}
