import type { Task } from '../../api/tasks';
import { labelsOf } from '../tasks/form';

/** The ways of doing a task that a choice may try. */
export const routes = ['prompt', 'prompt-steps', 'few-shot:8', 'few-shot-nearest:8', 'labels', 'classifier', 'retrieval:6', 'retrieval-fusion:6', 'retrieval-reranked:6', 'prompt-vote:5', 'prompt-tree:12'] as const;
export type Route = (typeof routes)[number];

/** Those that can be tried for it at all. */
export function possible(task: Task): Route[] {
  return routes.filter((route) => {
    if (route.startsWith('retrieval')) return !!task.knowledge_base;
    return route === 'labels' || route === 'classifier' ? labelsOf(task.output) !== null : true;
  });
}

/** Those that are tried where nobody says which: the same that the server takes. */
export function usual(task: Task, vectors: boolean): Route[] {
  if (task.knowledge_base) return ['retrieval:6', 'retrieval-fusion:6', 'retrieval-reranked:6'];
  const all: Route[] = ['prompt', 'prompt-steps', 'few-shot:8'];
  if (vectors) all.push('few-shot-nearest:8');
  if (labelsOf(task.output)) all.push('labels', ...(vectors ? (['classifier'] as const) : []));
  return all;
}
