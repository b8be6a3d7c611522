import { expect, it } from "vitest";
import { columnsOf, ticks } from "./days";

const days = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    day: new Date(Date.UTC(2026, 0, 1 + at)).toISOString().slice(0, 10),
    completed: 1,
    failed: 0,
    canceled: 0,
    printSeconds: 60,
    materialGrams: 2,
  }));

it("has a column a day", () => {
  expect(columnsOf(days(90))).toEqual({ columns: days(90), isWeekly: false });
});

it("has whole weeks where days are too many, and loses none", () => {
  const { columns, isWeekly } = columnsOf(days(103));
  expect(isWeekly).toBe(true);
  expect(columns.map((column) => column.completed)).toEqual([5, ...Array(14).fill(7)]);
  expect(columns[1]?.day).toBe("2026-01-06");
});

it("marks whole numbers, up to one at or above the highest", () => {
  expect(ticks(0)).toEqual([0, 1]);
  expect(ticks(2)).toEqual([0, 1, 2]);
  expect(ticks(17)).toEqual([0, 5, 10, 15, 20]);
  expect(ticks(430)).toEqual([0, 200, 400, 600]);
});
