/** Jobs that wait and print: what is asked and changed of them. */
import { queryOptions } from "@tanstack/react-query";
import { api, ok } from "./client";
import { body, type Of } from "./types";

export type EstimateRequest = Of<"EstimateRequest">;
export type Estimate = Of<"Estimate">;
export type QueueAdd = Omit<Of<"QueueAdd">, "print_settings"> & { print_settings: Record<string, unknown> };
export type QueueAdded = Of<"QueueAdded">;

export const estimateQuery = (wanted: Partial<EstimateRequest> & { filename: string }) =>
  queryOptions({
    queryKey: ["estimate", wanted],
    queryFn: ({ signal }) =>
      ok(api.POST("/api/printing/estimate", { body: body<EstimateRequest>(wanted), signal })),
    staleTime: 30_000,
  });

/** Put a file in the queue. The same `key` again makes no other job. */
export function addToQueue(job: Partial<QueueAdd> & { filename: string }, key: string): Promise<QueueAdded> {
  return ok(
    api.POST("/api/printing/queue", {
      params: { header: { "Idempotency-Key": key } },
      body: job as Of<"QueueAdd">,
    }),
  );
}

export type QueueChange = Of<"QueueChange">;

const at = (queue_id: number) => ({ path: { queue_id } });

/** Why a job isn't printing, printer by printer. */
export const waitingQuery = (id: number) =>
  queryOptions({
    queryKey: ["queue", "waiting", id],
    queryFn: () => ok(api.GET("/api/printing/queue/{queue_id}/waiting", { params: at(id) })),
    staleTime: 2_000,
  });

export function reorder(items: { id: number; position: number }[]) {
  return ok(api.PUT("/api/printing/queue/reorder", { body: { items } }));
}

export function changeJob(id: number, change: QueueChange) {
  return ok(api.PATCH("/api/printing/queue/{queue_id}", { params: at(id), body: change }));
}

export function startJob(id: number, printer: string | null) {
  const body = (printer ? { printer } : {}) as never;
  return ok(api.POST("/api/printing/queue/{queue_id}/start", { params: at(id), body }));
}

export function holdJob(id: number, reason: string) {
  const body = (reason ? { reason } : {}) as never;
  return ok(api.POST("/api/printing/queue/{queue_id}/hold", { params: at(id), body }));
}

export function releaseJob(id: number) {
  return ok(api.POST("/api/printing/queue/{queue_id}/release", { params: at(id) }));
}

export function removeJob(id: number) {
  return ok(api.DELETE("/api/printing/queue/{queue_id}", { params: at(id) }));
}

export function clearQueue() {
  return ok(api.DELETE("/api/printing/queue"));
}

export function pauseQueue(paused: boolean) {
  return ok(paused ? api.POST("/api/printing/queue/pause") : api.POST("/api/printing/queue/resume"));
}

/** Say what became of a job whose outcome isn't known. */
export function settleJob(jobId: string, status: "completed" | "failed" | "canceled") {
  return ok(
    api.PATCH("/api/printing/jobs/{job_id}/status", {
      params: { path: { job_id: jobId } },
      body: body<Of<"StatusChange">>({ status }),
    }),
  );
}

/** A name that no other attempt has. */
export function freshKey(): string {
  // not randomUUID: pages that come over plain HTTP don't have it
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
