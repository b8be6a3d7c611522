/** Which printers are shown, in which order, and what they come to. Pure. */
import type { PrinterView, QueueItem } from "@/api/types";
import { isAtWork, type Standing, standing } from "@/cards/status";

export const GROUPS = ["printing", "ready", "attention", "offline"] as const;
/** What a printer counts as. `attention`: a person has to do something before it goes on. */
export type Kind = (typeof GROUPS)[number];

const WANTS_SOMEBODY = new Set<Standing>(["bed", "held", "error"]);

export function kindOf(printer: PrinterView): Kind {
  const is = standing(printer);
  if (WANTS_SOMEBODY.has(is)) return "attention";
  if (isAtWork(printer)) return "printing";
  return is === "idle" ? "ready" : "offline";
}

export type Totals = Record<Kind, number>;

export function totals(printers: readonly PrinterView[]): Totals {
  const sums: Totals = { printing: 0, ready: 0, attention: 0, offline: 0 };
  for (const printer of printers) sums[kindOf(printer)] += 1;
  return sums;
}

export const SORTS = ["given", "name", "state", "end"] as const;
export type Sort = (typeof SORTS)[number];

export interface Wanted {
  /** Part of a name, model or group; any case of letters. */
  search: string;
  kind: Kind | "any";
  /** "": all. */
  group: string;
  sort: Sort;
}

export const ALL: Wanted = { search: "", kind: "any", group: "", sort: "given" };

const RANK: Record<Kind, number> = { attention: 0, printing: 1, ready: 2, offline: 3 };
const byName = (a: PrinterView, b: PrinterView) =>
  a.name.localeCompare(b.name, undefined, { numeric: true, sensitivity: "base" });

const ORDERS: Record<Sort, (a: PrinterView, b: PrinterView) => number> = {
  given: () => 0,
  name: byName,
  state: (a, b) => RANK[kindOf(a)] - RANK[kindOf(b)] || byName(a, b),
  end: (a, b) => left(a) - left(b) || byName(a, b),
};

function left(printer: PrinterView): number {
  return (isAtWork(printer) ? printer.timeLeft : null) ?? Number.MAX_VALUE;
}

export function shown(printers: readonly PrinterView[], wanted: Wanted): PrinterView[] {
  const sought = wanted.search.trim().toLowerCase();
  return printers
    .filter(
      (printer) =>
        (wanted.kind === "any" || kindOf(printer) === wanted.kind) &&
        (!wanted.group || printer.groups.includes(wanted.group)) &&
        (!sought ||
          [printer.name, printer.model ?? "", ...printer.groups].some((word) =>
            word.toLowerCase().includes(sought),
          )),
    )
    .sort(ORDERS[wanted.sort]);
}

/** The jobs that wait and could go to this printer, the first one first, as far as the page can tell. */
export function waitingFor(printer: PrinterView, items: readonly QueueItem[]): QueueItem[] {
  return items.filter((item) => {
    if (item.status !== "queued" || item.onHold) return false;
    if (item.targetPrinter !== null && item.targetPrinter !== printer.name) return false;
    const need = item.requirements;
    return (
      !need ||
      ((!need.model || need.model.toLowerCase() === printer.model?.toLowerCase()) &&
        (!need.group || printer.groups.includes(need.group)) &&
        (!need.nozzle || printer.nozzle === null || Math.abs(need.nozzle - printer.nozzle) < 0.01))
    );
  });
}
