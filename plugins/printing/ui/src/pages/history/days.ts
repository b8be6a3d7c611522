import type { JobStats } from "@/api/history";

export interface Column {
  /** Its (first) day. */
  day: string;
  completed: number;
  failed: number;
  canceled: number;
  printSeconds: number;
  materialGrams: number;
}

const MOST_COLUMNS = 100;
const WEEK = 7;

/** A column a day; a column a week where that would be too many. The last week is whole, the first may not be. */
export function columnsOf(days: JobStats["days"]): { columns: Column[]; isWeekly: boolean } {
  if (days.length <= MOST_COLUMNS) return { columns: days, isWeekly: false };
  const columns: Column[] = [];
  for (let end = days.length; end > 0; end -= WEEK) {
    const week = days.slice(Math.max(0, end - WEEK), end);
    const sum = (of: (day: Column) => number) => week.reduce((all, day) => all + of(day), 0);
    columns.unshift({
      day: week[0]?.day ?? "",
      completed: sum((day) => day.completed),
      failed: sum((day) => day.failed),
      canceled: sum((day) => day.canceled),
      printSeconds: sum((day) => day.printSeconds),
      materialGrams: sum((day) => day.materialGrams),
    });
  }
  return { columns, isWeekly: true };
}

/** A round number at or above the highest, and the lines below it: 0 first, whole steps. */
export function ticks(highest: number): number[] {
  if (highest <= 0) return [0, 1];
  const rough = highest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power);
  const lines = [0];
  while ((lines.at(-1) ?? 0) < highest) lines.push((lines.at(-1) ?? 0) + step);
  return lines;
}
