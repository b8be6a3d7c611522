import { expect, test } from "vitest";
import { bytes, duration, endsAt, grams, NOTHING, percent } from "./format";

test.each([
  [null, NOTHING],
  [0, "0 s"],
  [59.4, "59 s"],
  [59.6, "1 min"],
  [3_599, "1 h 00 min"],
  [7_500, "2 h 05 min"],
  [200_000, "2 d 7 h"],
])("%s seconds are %s", (seconds, shown) => {
  expect(duration(seconds)).toBe(shown);
});

test("a print is at 100 % only when it is done", () => {
  expect(percent(99.7)).toBe("99 %");
  expect(percent(100)).toBe("100 %");
});

test("sizes and weights have units that fit them", () => {
  expect(bytes(999)).toBe("999 B");
  expect(bytes(1_500_000)).toBe("1.5 MB");
  expect(grams(12.34)).toBe("12.3 g");
  expect(grams(1_250)).toBe("1.3 kg");
});

test("an end on another day names the day", () => {
  const noon = new Date(2026, 5, 1, 12).getTime();
  expect(endsAt(3_600, noon)).not.toMatch(/[A-Z][a-z]{2}/);
  expect(endsAt(86_400, noon)).toMatch(/Tue/);
});
