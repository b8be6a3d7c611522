import { expect, test } from "vitest";
import { byMinute, columns, top } from "./chartData";

const series = {
  times: [0, 1000, 1060, 1100],
  heaters: { tool0: { actual: [20, 21, 100, 200], target: [0, 0, 215, 215] } },
};

test("what was told last is so until now, and a heater that is off has no target", () => {
  const [times, actual, target] = columns(series, ["tool0"], 1200);
  expect(times).toEqual([0, 1000, 1060, 1100, 1200]);
  expect(actual).toEqual([20, 21, 100, 200, 200]);
  expect(target).toEqual([null, null, 215, 215, 215]);
});

test("what is older than the chart is left out, but for the line's way into it", () => {
  expect(columns(series, ["tool0"], 1950)[0]).toEqual([1000, 1060, 1100, 1950]);
  expect(columns(series, ["tool0"], 9000)[0]).toEqual([1100, 9000]);
});

test("a heater that isn't known has as many gaps as there are times", () => {
  expect(columns(series, ["bed"], 1100)).toEqual([
    [0, 1000, 1060, 1100],
    [null, null, null, null],
    [null, null, null, null],
  ]);
  expect(columns({ times: [], heaters: {} }, ["bed"], 1100)).toEqual([[], [], []]);
});

test("the table has a row a minute, the latest first", () => {
  expect(byMinute(series, 1200).map((row) => row.time)).toEqual([1100, 1000]);
});

test("the scale has room above what is shown", () => {
  expect(top(null)).toBe(60);
  expect(top(215)).toBe(260);
});
