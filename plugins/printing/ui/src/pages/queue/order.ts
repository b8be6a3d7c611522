import type { QueueItem } from "@/api/types";

/** The jobs with one of them moved from one index to another, on the places that they have between them: there may be
 * others in between that aren't seen. */
export function moved(jobs: readonly QueueItem[], from: number, to: number): QueueItem[] {
  const places = jobs.map((job) => job.position);
  const order = [...jobs];
  const [job] = order.splice(from, 1);
  if (job) order.splice(to, 0, job);
  return order.map((one, index) => ({ ...one, position: places[index] ?? one.position }));
}

/** What has to be said of an order: the jobs that have another place than before. */
export function changes(before: readonly QueueItem[], after: readonly QueueItem[]) {
  const was = new Map(before.map((job) => [job.id, job.position]));
  return after
    .filter((job) => was.get(job.id) !== job.position)
    .map(({ id, position }) => ({ id, position }));
}
