import type { LiveJob, PrinterView } from "@/api/types";
import type { QueueTotals, useLive } from "./store";

type State = ReturnType<typeof useLive.getState>;

export type Told =
  | { type: "snapshot"; data: { printers?: PrinterView[]; jobs?: LiveJob[]; queue?: QueueTotals } }
  | { type: "printer"; data: PrinterView }
  | { type: "job"; data: LiveJob }
  | { type: "queue"; data: QueueTotals }
  | { type: "printer-gone"; data: { name: string } }
  | { type: "job-gone"; data: { id: string } };

export const TYPES: readonly Told["type"][] = [
  "snapshot",
  "printer",
  "job",
  "queue",
  "printer-gone",
  "job-gone",
];

/** What is so after all of these, in one step: so that many at once are shown once. */
export function applied(state: State, told: readonly Told[]): State {
  let { order, printers, jobs, queue, changes } = state;
  for (const { type, data } of told) {
    switch (type) {
      case "snapshot":
        if (data.printers) {
          order = data.printers.map((printer) => printer.name);
          printers = Object.fromEntries(data.printers.map((printer) => [printer.name, printer]));
        }
        if (data.jobs) jobs = Object.fromEntries(data.jobs.map((job) => [job.id, job]));
        if (data.queue) queue = data.queue;
        changes += 1;
        break;
      case "printer":
        if (!printers[data.name]) order = [...(order ?? []), data.name];
        printers = { ...printers, [data.name]: data };
        break;
      case "job":
        if (moved(jobs[data.id], data)) changes += 1;
        jobs = { ...jobs, [data.id]: data };
        break;
      case "queue":
        queue = data;
        changes += 1;
        break;
      case "printer-gone": {
        const { [data.name]: _, ...rest } = printers;
        printers = rest;
        order = (order ?? []).filter((name) => name !== data.name);
        break;
      }
      case "job-gone": {
        const { [data.id]: _, ...rest } = jobs;
        jobs = rest;
        changes += 1;
        break;
      }
    }
  }
  return { ...state, order, printers, jobs, queue, changes };
}

/** Whether a list of jobs has to be read again; how far a print is changes every second and isn't a reason. */
function moved(before: LiveJob | undefined, now: LiveJob): boolean {
  return (
    !before ||
    before.status !== now.status ||
    before.position !== now.position ||
    before.priority !== now.priority ||
    before.on_hold !== now.on_hold ||
    before.printer_name !== now.printer_name ||
    before.outcome_unknown !== now.outcome_unknown ||
    before.state_detail !== now.state_detail
  );
}
