/** How warm each printer was in the last minutes: what the gateway remembers, and what was told since. */
import type { PrinterView } from "@/api/types";
import type { Told } from "./events";

export const KEPT_SECONDS = 900;
const EVERY_SECONDS = 2;

/** Columns of one length: unix s, then per heater what it was and what it should be, in °C; null: not known. */
export interface Series {
  times: number[];
  heaters: Record<string, { actual: (number | null)[]; target: (number | null)[] }>;
}

const series = new Map<string, Series>();
const watchers = new Map<string, Set<() => void>>();

export function seriesOf(printer: string): Series {
  const known = series.get(printer);
  if (known) return known;
  const fresh: Series = { times: [], heaters: {} };
  series.set(printer, fresh);
  return fresh;
}

/** Take what the gateway remembers, before what was told since. */
export function remember(printer: string, before: Series): void {
  const known = seriesOf(printer);
  const first = known.times[0] ?? Number.POSITIVE_INFINITY;
  const older = before.times.filter((time) => time < first).length;
  const names = new Set([...Object.keys(before.heaters), ...Object.keys(known.heaters)]);
  const blank = (length: number) => Array<null>(length).fill(null);
  const column = (heater: string, which: "actual" | "target") => [
    ...(before.heaters[heater]?.[which].slice(0, older) ?? blank(older)),
    ...(known.heaters[heater]?.[which] ?? blank(known.times.length)),
  ];
  series.set(printer, {
    times: [...before.times.slice(0, older), ...known.times],
    heaters: Object.fromEntries(
      [...names].map((name) => [name, { actual: column(name, "actual"), target: column(name, "target") }]),
    ),
  });
  tell(printer);
}

/** Take what was just told. */
export function record(told: readonly Told[]): void {
  const now = Date.now() / 1000;
  for (const data of told.flatMap(printersOf)) {
    const one = seriesOf(data.name);
    const last = one.times.at(-1);
    if (last !== undefined && now - last < EVERY_SECONDS) continue;
    const length = one.times.length;
    one.times.push(now);
    const names = new Set([...Object.keys(one.heaters), ...Object.keys(data.temperature)]);
    for (const name of names) {
      one.heaters[name] ??= { actual: Array(length).fill(null), target: Array(length).fill(null) };
      const heater = one.heaters[name];
      const at = data.status === "offline" ? undefined : data.temperature[name];
      heater.actual.push(at?.actual ?? null);
      heater.target.push(at?.target ?? null);
    }
    const old = one.times.findIndex((time) => time >= now - KEPT_SECONDS);
    if (old > 30) {
      one.times.splice(0, old);
      for (const heater of Object.values(one.heaters)) {
        heater.actual.splice(0, old);
        heater.target.splice(0, old);
      }
    }
    tell(data.name);
  }
}

function printersOf({ type, data }: Told): PrinterView[] {
  return type === "printer" ? [data] : type === "snapshot" ? (data.printers ?? []) : [];
}

function tell(printer: string): void {
  for (const watcher of watchers.get(printer) ?? []) watcher();
}

/** Call `watcher` whenever the printer's series changed, until the returned function is called. */
export function watch(printer: string, watcher: () => void): () => void {
  const all = watchers.get(printer) ?? new Set();
  watchers.set(printer, all);
  all.add(watcher);
  return () => all.delete(watcher);
}
