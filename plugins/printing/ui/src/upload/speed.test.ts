import { expect, test } from "vitest";
import { Speed } from "./speed";

test("nothing is known of the first moment", () => {
  const speed = new Speed();
  expect(speed.add(0, 0)).toBeNull();
  expect(speed.add(100, 100)).toBeNull();
});

test("what counts are the last seconds", () => {
  const speed = new Speed();
  speed.add(0, 0);
  expect(speed.add(1_000, 1_000)).toBe(1_000);
  for (let second = 2; second <= 10; second += 1) speed.add(1_000, second * 1_000);
  expect(speed.add(1_000, 11_000)).toBe(0);
});
