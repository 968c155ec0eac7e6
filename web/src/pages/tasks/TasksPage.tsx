import '../../i18n/reasons-tasks';
import '../../styles/tasks.css';
import { views, type View } from './address';
import { TaskList } from './TaskList';
import { TaskPage } from './TaskPage';

/** All tasks, or one of them. */
export default function TasksPage({ name, view }: { name: string | null; view: string | null }) {
  return name === null ? <TaskList /> : <TaskPage key={name} name={name} view={views.includes(view as View) ? (view as View) : 'run'} />;
}
