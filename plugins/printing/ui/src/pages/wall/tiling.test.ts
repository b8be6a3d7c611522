import { expect, test } from "vitest";
import { tiling } from "./tiling";

test("one printer fills the screen", () => {
  expect(tiling(1, 1920, 1000)).toEqual({ columns: 1, rows: 1 });
  expect(tiling(0, 1920, 1000)).toEqual({ columns: 1, rows: 1 });
});

test("there is a place for each printer, and no empty row", () => {
  for (let count = 1; count <= 50; count += 1) {
    for (const [width, height] of [
      [1920, 1000],
      [1080, 1860],
      [390, 780],
    ] as const) {
      const { columns, rows } = tiling(count, width, height);
      expect(columns * rows).toBeGreaterThanOrEqual(count);
      expect(columns * (rows - 1)).toBeLessThan(count);
    }
  }
});

test("a wide screen has more columns than a tall one", () => {
  expect(tiling(6, 1920, 1000)).toEqual({ columns: 3, rows: 2 });
  expect(tiling(6, 1000, 1920).columns).toBeLessThan(3);
  expect(tiling(50, 1920, 1000)).toEqual({ columns: 8, rows: 7 });
});
