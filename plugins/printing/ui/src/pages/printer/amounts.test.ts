import { expect, test } from "vitest";
import { degreesOf, gramsOf, mostOf } from "./amounts";

const printer = { capabilities: ["temperature"], bounds: { hotend: 280, bed: 110 } };

test("a heater has a highest temperature if it can be set at all", () => {
  expect(mostOf("tool0", printer)).toBe(280);
  expect(mostOf("tool12", printer)).toBe(280);
  expect(mostOf("bed", printer)).toBe(110);
  expect(mostOf("chamber", printer)).toBeNull();
  expect(mostOf("bed", { ...printer, capabilities: ["jog"] })).toBeNull();
});

test("a target is a whole number up to the most", () => {
  expect(degreesOf(" 280 ", 280)).toBe(280);
  expect(degreesOf("0", 280)).toBe(0);
  for (const typed of ["281", "-1", "12.5", "1e2", "", "hot"]) expect(degreesOf(typed, 280)).toBeNull();
});

test("a weight may be left open, and have a comma", () => {
  expect(gramsOf("")).toBeNull();
  expect(gramsOf(" 640 ")).toBe(640);
  expect(gramsOf("12,5")).toBe(12.5);
  for (const typed of ["much", "-5", "1000001", "1e3", "1.2.3"]) expect(gramsOf(typed)).toBeUndefined();
});
