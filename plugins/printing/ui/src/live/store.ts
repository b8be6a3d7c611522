import { create } from "zustand";
import type { LiveJob, PrinterView } from "@/api/types";

/** connecting: for the first time; live: told by the gateway; polling: asked every few seconds, because the stream
 * doesn't come; away: nothing answers; refused: the caller may not see it. */
export type LinkState = "connecting" | "live" | "polling" | "away" | "refused";

export interface QueueTotals {
  paused: boolean;
  waiting: number;
  printing: number;
}

interface LiveState {
  link: LinkState;
  /** Unix ms since when nothing was heard; null: it is heard. */
  silentSince: number | null;
  /** In the gateway's order; null until the first word. */
  order: string[] | null;
  printers: Record<string, PrinterView>;
  /** Jobs that wait or print, by id, and those that ended while the page was open. */
  jobs: Record<string, LiveJob>;
  queue: QueueTotals | null;
  /** How often a job or the queue changed: what was read of them before is old then. */
  changes: number;
}

export const EMPTY: LiveState = {
  link: "connecting",
  silentSince: null,
  order: null,
  printers: {},
  jobs: {},
  queue: null,
  changes: 0,
};

/** All that is known of now. Read one thing of it: `useLive((s) => s.printers[name])`. Written by `connection.ts` alone. */
export const useLive = create<LiveState>()(() => EMPTY);

const NONE: string[] = [];

/** The printers' names, in order. */
export function usePrinterNames(): string[] {
  return useLive((s) => s.order ?? NONE);
}

export function usePrinter(name: string): PrinterView | undefined {
  return useLive((s) => s.printers[name]);
}

/** What a printer prints, if the caller may know. (What is told of a printer is told to all who see it, and so doesn't
 * name its job.) */
export function useJobOf(name: string): LiveJob | undefined {
  return useLive((s) =>
    Object.values(s.jobs).find((job) => job.status === "printing" && job.printer_name === name),
  );
}
