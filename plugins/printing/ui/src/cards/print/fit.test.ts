import { describe, expect, it } from "vitest";
import type { FileView, PrinterView } from "@/api/types";
import { lack, needsOf } from "./fit";

const printer = (more: Partial<PrinterView> = {}) =>
  ({
    nozzle: 0.4,
    materials: ["PLA"],
    material: { type: null, color: null, grams: null },
    buildVolume: { x: 200, y: 200, z: 200 },
    ...more,
  }) as PrinterView;
const file = (more: object = {}) =>
  ({
    metadata: { nozzleDiameter: 0.4, material: "PLA, PETG", filamentGrams: 30, boundingBox: null, ...more },
  }) as unknown as FileView;
const needs = (more: object = {}) => needsOf(file(more), null);

describe("what a printer lacks", () => {
  it("is nothing where it fits, or nobody said what it is", () => {
    expect(lack(needs(), printer())).toBeNull();
    const unsaid = printer({ nozzle: null, materials: [], buildVolume: null });
    expect(lack(needs({ boundingBox: { size: [500, 500, 500] } }), unsaid)).toBeNull();
  });

  it("is the nozzle, the filament's weight, the room", () => {
    expect(lack(needs({ nozzleDiameter: 0.6 }), printer())).toContain("0.6 mm");
    const spool = { type: "PLA", color: null, grams: 12 };
    expect(lack(needs(), printer({ material: spool }))).toContain("12 g");
    expect(lack(needs({ boundingBox: { size: [10, 10, 201] } }), printer())).toContain("201");
  });

  it("is the material: the first that the file names, or the one that was chosen; a loaded spool counts more", () => {
    expect(lack(needs(), printer({ materials: ["pla"] }))).toBeNull();
    expect(lack(needsOf(file(), "PETG"), printer())).toContain("PETG");
    const petg = printer({ material: { type: "PETG", color: null, grams: null } });
    expect(lack(needs(), petg)).toContain("PETG");
    expect(lack(needsOf(file(), "PETG"), petg)).toBeNull();
  });
});
