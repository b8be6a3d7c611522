import { describe, expect, it } from "vitest";
import { type Picture, sampleGcode } from "./sample";

const PIXEL: Picture = {
  width: 1,
  height: 1,
  png: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
};

const said = (gcode: string, key: string) =>
  gcode
    .split("\n")
    .find((line) => line.startsWith(`; ${key} = `))
    ?.split(" = ")[1];

describe("sampleGcode", () => {
  it("is small, and the same each time", () => {
    expect(sampleGcode().length).toBeLessThan(1_000_000);
    expect(sampleGcode()).toBe(sampleGcode());
  });

  it("says of itself what PrusaSlicer says", () => {
    const gcode = sampleGcode();
    expect(said(gcode, "filament_type")).toBe("PLA");
    expect(said(gcode, "layer_height")).toBe("0.3");
    expect(said(gcode, "nozzle_diameter")).toBe("0.4");
    expect(said(gcode, "estimated printing time (normal mode)")).toMatch(/^\d+m \d+s$/);
  });

  it("uses as much filament as it says", () => {
    const gcode = sampleGcode();
    const pushed = [...gcode.matchAll(/^G1 .*E([\d.]+)$/gm)].reduce((sum, [, e]) => sum + Number(e), 0);
    expect(Number(said(gcode, "filament used [mm]"))).toBeCloseTo(pushed, 0);
    expect(Number(said(gcode, "filament used [g]"))).toBeCloseTo(pushed * Math.PI * 0.875 ** 2 * 0.00124, 1);
  });

  it("stays on a bed of 220 mm, and takes as many layers as it counts", () => {
    const gcode = sampleGcode();
    const places = [...gcode.matchAll(/ [XY]([-\d.]+)/g)].map(([, place]) => Number(place));
    expect(Math.min(...places)).toBeGreaterThan(0);
    expect(Math.max(...places)).toBeLessThan(220);
    expect(gcode.match(/;LAYER_CHANGE/g)?.length).toBe(Number(said(gcode, "total layers count")));
  });

  it("takes between 10 and 25 minutes, so that a printer 20 times as fast shows it for about a minute", () => {
    const minutes = Number(said(sampleGcode(), "estimated printing time (normal mode)")?.split("m")[0]);
    expect(minutes).toBeGreaterThanOrEqual(10);
    expect(minutes).toBeLessThan(25);
  });

  it("carries its picture", () => {
    const [, size, block] =
      /; thumbnail begin 1x1 (\d+)\n([\s\S]*?)\n; thumbnail end/.exec(sampleGcode([PIXEL])) ?? [];
    expect(Number(size)).toBe(PIXEL.png.length);
    expect(block?.replaceAll(/[;\s]/g, "")).toBe(PIXEL.png);
  });
});
