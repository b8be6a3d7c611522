import { describe, expect, test } from "vitest";
import type { JobItem, PrinterView } from "@/api/types";
import { applied, type Told } from "./events";
import { EMPTY } from "./store";

const printer = (name: string, status = "idle") => ({ name, status }) as PrinterView;
const job = (id: string, more: Partial<JobItem> = {}) =>
  ({ id, status: "queued", position: 1, progress: 0, ...more }) as JobItem;

const told = (...events: Told[]) => applied(EMPTY, events);
const snapshot: Told = {
  type: "snapshot",
  data: {
    printers: [printer("b"), printer("a")],
    jobs: [job("1")],
    queue: { paused: false, waiting: 1, printing: 0 },
  },
};

describe("what is so after", () => {
  test("a snapshot: all of it, in the gateway's order", () => {
    const state = told(snapshot);
    expect(state.order).toEqual(["b", "a"]);
    expect(Object.keys(state.jobs)).toEqual(["1"]);
    expect(state.queue?.waiting).toBe(1);
  });

  test("another snapshot: nothing of the first", () => {
    const state = told(snapshot, { type: "snapshot", data: { printers: [printer("c")], jobs: [] } });
    expect(state.order).toEqual(["c"]);
    expect(state.jobs).toEqual({});
  });

  test("a printer that is new stands at the end; one that is known keeps its place", () => {
    const state = told(
      snapshot,
      { type: "printer", data: printer("b", "printing") },
      { type: "printer", data: printer("c") },
    );
    expect(state.order).toEqual(["b", "a", "c"]);
    expect(state.printers.b?.status).toBe("printing");
  });

  test("a printer that is gone", () => {
    const state = told(snapshot, { type: "printer-gone", data: { name: "b" } });
    expect(state.order).toEqual(["a"]);
    expect(state.printers.b).toBeUndefined();
  });

  test("one printer's news leave the others the same objects", () => {
    const before = told(snapshot);
    const next = applied(before, [{ type: "printer", data: printer("b", "printing") }]);
    expect(next.printers.a).toBe(before.printers.a);
    expect(next.order).toBe(before.order);
  });

  test("progress alone makes no list old; a change of place or state does", () => {
    const before = told(snapshot);
    expect(applied(before, [{ type: "job", data: job("1", { progress: 50 }) }]).changes).toBe(before.changes);
    expect(applied(before, [{ type: "job", data: job("1", { position: 2 }) }]).changes).toBeGreaterThan(
      before.changes,
    );
    expect(applied(before, [{ type: "job-gone", data: { id: "1" } }]).jobs).toEqual({});
  });
});
