import type { Series } from "@/live";

export const SHOWN_SECONDS = 900;

type Column = (number | null)[];

/** What uPlot takes: times, then per heater what it was and what it should be; up to now, for what was told last is so
 * until something else is told. A target of 0 is none. `now`: unix s. */
export function columns(series: Series, heaters: readonly string[], now: number): [number[], ...Column[]] {
  const first = series.times.findIndex((time) => time >= now - SHOWN_SECONDS);
  const from = first < 0 ? Math.max(series.times.length - 1, 0) : Math.max(first - 1, 0);
  const times = series.times.slice(from);
  const last = times.at(-1);
  const isBehind = last !== undefined && last < now;
  if (isBehind) times.push(now);
  const rest = heaters.flatMap((heater) => {
    const known = series.heaters[heater];
    return (["actual", "target"] as const).map((which) => {
      const column: Column = known ? known[which].slice(from) : Array<null>(times.length).fill(null);
      if (isBehind && known) column.push(column.at(-1) ?? null);
      return which === "target" ? column.map((value) => value || null) : column;
    });
  });
  return [times, ...rest];
}

/** One row a minute, the latest first, for those who read rather than look. */
export function byMinute(series: Series, now: number): { time: number; index: number }[] {
  const rows: { time: number; index: number }[] = [];
  for (let index = series.times.length - 1; index >= 0; index -= 1) {
    const time = series.times[index] ?? 0;
    if (time < now - SHOWN_SECONDS) break;
    const before = rows.at(-1);
    if (!before || before.time - time >= 60) rows.push({ time, index });
  }
  return rows;
}

/** The highest round number that the scale needs: 20 % above all that is shown, and never below 60 °C. */
export function top(highest: number | null): number {
  return Math.max(60, Math.ceil(((highest ?? 0) * 1.12) / 20) * 20);
}
