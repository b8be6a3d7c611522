import { expect, test } from "vitest";
import { matters } from "./fetching";

test("moves, units and tools are drawn, and nothing else", () => {
  for (const line of ["G1 X1 E.2", "g0 X1", "G01 X1", " G2 I1 J1", "G3X1", "G20", "T1"])
    expect(matters(line)).toBe(true);
  for (const line of ["; G1 X1", "G28", "G10", "G21", "M104 S200", "", "T9", "G29 G1"])
    expect(matters(line)).toBe(false);
});
