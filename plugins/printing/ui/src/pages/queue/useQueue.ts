import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { create } from "zustand";
import { meQuery, queueQuery, useIsNative } from "@/api/queries";
import { removeJob, reorder } from "@/api/queue";
import type { PrinterView, QueueItem, QueueView } from "@/api/types";
import { standing } from "@/cards/status";
import { failed, undoable } from "@/design";
import { useLive } from "@/live";
import { text } from "@/text";
import { changes, moved } from "./order";

const REFRESH_MS = 15_000;

/** Jobs that are about to be taken out: not shown meanwhile, also when the page is left and opened again. */
const useHidden = create<{ ids: ReadonlySet<number> }>()(() => ({ ids: new Set() }));

function hide(id: number, isHidden: boolean): void {
  useHidden.setState(({ ids }) => {
    const next = new Set(ids);
    if (isHidden) next.add(id);
    else next.delete(id);
    return { ids: next };
  });
}

/** The queue as it is shown: what prints, what waits in order, whether it is paused. */
export function useQueue() {
  const query = useQuery({ ...queueQuery, refetchInterval: REFRESH_MS });
  const { data: me } = useQuery(meQuery);
  const hidden = useHidden((s) => s.ids);
  const items = query.data?.items;
  const [printing, waiting] = useMemo(() => {
    const all = items ?? [];
    return [
      all.filter((job) => job.status === "printing"),
      all.filter((job) => job.status === "queued" && !hidden.has(job.id)),
    ];
  }, [items, hidden]);
  return {
    query,
    printing,
    waiting,
    paused: query.data?.paused ?? false,
    isNative: useIsNative(),
    isOwn: me?.visibility === "own" && me.everywhere !== "admin",
  };
}

/** What the printers are, each in what decides whether it takes a job; anew only when that changes. The queue is read
 * again then: why its jobs wait may have changed. */
export function usePrinters(): PrinterView[] {
  const queries = useQueryClient();
  const key = useLive((s) =>
    (s.order ?? [])
      .map((name) => {
        const printer = s.printers[name];
        return printer ? JSON.stringify([name, standing(printer), printer.material, printer.autoStart]) : "";
      })
      .join(),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` says when they changed
  useEffect(() => {
    queries.invalidateQueries({ queryKey: ["queue"] });
  }, [key, queries]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  return useMemo(() => {
    const { order, printers } = useLive.getState();
    return (order ?? [])
      .map((name) => printers[name])
      .filter((printer): printer is PrinterView => printer !== undefined);
  }, [key]);
}

/** Do it, say why if it was refused, and read the queue again. Whether it was done. */
export async function attempt(queries: QueryClient, act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    failed(error);
    return false;
  } finally {
    queries.invalidateQueries({ queryKey: ["queue"] });
  }
}

/** Move a waiting job: shown at once, and taken back with the reason if the gateway refuses. */
export async function move(queries: QueryClient, waiting: QueueItem[], from: number, to: number) {
  const after = moved(waiting, from, to);
  const said = changes(waiting, after);
  if (said.length === 0) return;
  await queries.cancelQueries({ queryKey: ["queue"], exact: true });
  const before = queries.getQueryData<QueueView>(["queue"]);
  const placed = new Map(after.map((job) => [job.id, job.position]));
  queries.setQueryData<QueueView>(["queue"], (known) => {
    if (!known) return known;
    const items = known.items.map((job) => ({ ...job, position: placed.get(job.id) ?? job.position }));
    return { ...known, items: items.sort((one, other) => one.position - other.position) };
  });
  if (!(await attempt(queries, () => reorder(said)))) {
    queries.setQueryData(["queue"], before);
  }
}

/** Take a job out in a moment, unless the person takes that back. */
export function takeOut(queries: QueryClient, job: QueueItem): void {
  hide(job.id, true);
  undoable(
    text.queue.removed(job.filename),
    async () => {
      await removeJob(job.id);
      await queries.invalidateQueries({ queryKey: ["queue"] });
      hide(job.id, false);
    },
    () => hide(job.id, false),
  );
}
