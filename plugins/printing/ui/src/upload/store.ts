import { create } from "zustand";

/** waiting: its turn comes; sending; storing: all was sent, the answer isn't there; dropped: sent again when the gateway
 * answers; failed: not without a change; done. */
export type UploadState = "waiting" | "sending" | "storing" | "dropped" | "failed" | "done";

export interface Upload {
  id: string;
  name: string;
  size: number;
  state: UploadState;
  sent: number;
  /** Bytes a second, of the last seconds; null: not known yet. */
  speed: number | null;
  /** Why not, in words. */
  error: string | null;
}

interface Uploads {
  /** In the order in which they were chosen. */
  all: Upload[];
}

/** What is sent to the gateway, whichever page is shown. Written by `queue.ts` alone. */
export const useUploads = create<Uploads>()(() => ({ all: [] }));

export function isUnderWay({ state }: Upload): boolean {
  return state === "waiting" || state === "sending" || state === "storing" || state === "dropped";
}

export function change(id: string, to: Partial<Upload>): void {
  useUploads.setState(({ all }) => ({ all: all.map((one) => (one.id === id ? { ...one, ...to } : one)) }));
}
