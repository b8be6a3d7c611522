/** The queue of a FluxPrint service, which says little of each job, as if it were the gateway's own. */
import { api, ok } from "@/api/client";
import type { QueueItem, QueueView } from "@/api/types";
import { NAME } from "./printer";

type Said = Pick<QueueItem, "id" | "filename" | "position" | "status"> & Partial<QueueItem>;

/** Rejects with a `Problem`. */
export async function readQueue(): Promise<QueueView> {
  const said: Omit<QueueView, "paused"> = await ok(api.GET("/api/printing/queue"));
  return { ...said, items: (said.items ?? []).map(item), paused: false };
}

function item(said: Said): QueueItem {
  return {
    ...NOTHING,
    ...said,
    printer: said.status === "printing" ? NAME : null,
    jobId: said.jobId ?? String(said.id),
  };
}

const NOTHING = {
  addedAt: "",
  copies: 1,
  copyNumber: 1,
  detail: null,
  estimatedTime: null,
  onHold: false,
  outcomeUnknown: false,
  priority: 0,
  progress: 0,
  requirements: null,
  targetPrinter: null,
};
