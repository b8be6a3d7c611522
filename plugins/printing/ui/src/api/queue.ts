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

/** A name that no other attempt has. */
export function freshKey(): string {
  // not randomUUID: pages that come over plain HTTP don't have it
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
