import type { PrinterView, QueueItem } from "@/api/types";
import { lack, needsOfJob } from "@/cards/print/fit";
import { standing } from "@/cards/status";
import { text } from "@/text";

export interface Taker {
  printer: PrinterView;
  /** Why the job can't be started there now; null: it can. */
  obstacle: string | null;
}

/** The printers that a job may be for, each with what keeps it from being started there. */
export function takers(job: QueueItem, printers: readonly PrinterView[]): Taker[] {
  const needs = needsOfJob(job.requirements);
  return printers
    .filter((printer) => job.targetPrinter === null || job.targetPrinter === printer.name)
    .map((printer) => ({ printer, obstacle: lack(needs, printer) ?? obstacle(printer) }));
}

function obstacle(printer: PrinterView): string | null {
  const is = standing(printer);
  if (is === "idle") return null;
  return is === "printing" ? text.queue.notOn.busy : text.queue.notOn.unknown;
}
