import { afterEach, expect, test, vi } from "vitest";
import type { PrinterView } from "@/api/types";
import { KEPT_SECONDS, record, remember, seriesOf, watch } from "./temperatures";

afterEach(() => vi.useRealTimers());

let printers = 0;

/** A printer of its own for each test, and a clock. */
function rig() {
  vi.useFakeTimers({ now: 1_000_000_000 });
  const name = `p${printers++}`;
  const say = (actual: number, status = "idle", heater = "tool0") =>
    record([
      {
        type: "printer",
        data: { name, status, temperature: { [heater]: { actual, target: 0 } } } as unknown as PrinterView,
      },
    ]);
  return { name, say };
}

test("at most one sample in two seconds is kept", () => {
  const { name, say } = rig();
  for (let tenth = 0; tenth < 40; tenth += 1) {
    say(20 + tenth);
    vi.advanceTimersByTime(100);
  }
  expect(seriesOf(name).times).toHaveLength(2);
});

test("columns stay of one length when a heater comes later, and while the printer is away", () => {
  const { name, say } = rig();
  say(20);
  vi.advanceTimersByTime(2_000);
  say(60, "idle", "bed");
  vi.advanceTimersByTime(2_000);
  say(25, "offline");
  const { times, heaters } = seriesOf(name);
  expect(times).toHaveLength(3);
  expect(heaters.tool0?.actual).toEqual([20, null, null]);
  expect(heaters.bed?.actual).toEqual([null, 60, null]);
});

test("what the gateway remembers comes before what was told since, once", () => {
  const { name, say } = rig();
  say(30);
  const now = 1_000_000;
  remember(name, {
    times: [now - 4, now - 2, now + 2],
    heaters: { tool0: { actual: [1, 2, 3], target: [0, 0, 0] } },
  });
  expect(seriesOf(name).times).toEqual([now - 4, now - 2, now]);
  expect(seriesOf(name).heaters.tool0?.actual).toEqual([1, 2, 30]);
});

test("what is old is let go", () => {
  const { name, say } = rig();
  for (let second = 0; second < KEPT_SECONDS + 400; second += 2) {
    say(20);
    vi.advanceTimersByTime(2_000);
  }
  const { times, heaters } = seriesOf(name);
  expect(times.length).toBeLessThanOrEqual(KEPT_SECONDS / 2 + 31);
  expect(heaters.tool0?.actual).toHaveLength(times.length);
});

test("who watches is told, until they don't any more", () => {
  const { name, say } = rig();
  const watcher = vi.fn();
  const stop = watch(name, watcher);
  say(20);
  expect(watcher).toHaveBeenCalledTimes(1);
  stop();
  vi.advanceTimersByTime(2_000);
  say(20);
  expect(watcher).toHaveBeenCalledTimes(1);
});
