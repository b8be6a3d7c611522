import type { FileView, Of, PrinterView } from "@/api/types";
import { format, text } from "@/text";

/** What one copy of a file needs of its printer; null: it doesn't say. Lengths in mm. */
export interface Needs {
  nozzle: number | null;
  material: string | null;
  grams: number | null;
  size: { x: number; y: number; z: number } | null;
  model?: string | null;
  group?: string | null;
}

/** What a job needs, as the gateway keeps it. */
export function needsOfJob(said: Of<"Requirements"> | null): Needs {
  return {
    nozzle: said?.nozzle ?? null,
    material: said?.material ?? null,
    grams: said?.grams ?? null,
    size: said?.build_volume ?? null,
    model: said?.model ?? null,
    group: said?.group ?? null,
  };
}

/** What a job needs, in a few words each. */
export function inWords(needs: Needs): string[] {
  const said = text.print.needs;
  const words = [
    needs.model,
    needs.group && said.group(needs.group),
    needs.material,
    needs.nozzle != null && said.nozzle(format.millimetres(needs.nozzle)),
    needs.grams != null && format.grams(needs.grams),
    needs.size && box(needs.size),
  ];
  return words.filter((word): word is string => typeof word === "string" && word !== "");
}

const NOZZLE_TOLERANCE = 0.01;

/** As the gateway derives it when a job is queued; `material`: another one than the file says. */
export function needsOf(file: FileView, material: string | null): Needs {
  const said = file.metadata;
  const [x, y, z] = said.boundingBox?.size ?? [];
  return {
    nozzle: said.nozzleDiameter,
    material: material ?? slicedMaterial(file),
    grams: said.filamentGrams,
    size: x && y && z ? { x, y, z } : null,
  };
}

/** The material that the file was sliced for: of several the first tool's. */
export function slicedMaterial(file: FileView): string | null {
  return file.metadata.material?.split(",")[0]?.trim() || null;
}

/** What a printer lacks to print it, in words; null: it fits. What nobody has said of a printer is no obstacle. */
export function lack(needs: Needs, printer: PrinterView): string | null {
  const { nozzle, material, grams, size } = needs;
  const said = text.print.lacks;
  if (needs.model && folded(needs.model) !== folded(printer.model ?? "")) {
    return said.model(needs.model, printer.model);
  }
  if (needs.group && !printer.groups.includes(needs.group)) return said.group(needs.group);
  if (nozzle && printer.nozzle && Math.abs(nozzle - printer.nozzle) > NOZZLE_TOLERANCE) {
    return said.nozzle(format.millimetres(nozzle), format.millimetres(printer.nozzle));
  }
  const spool = printer.material;
  if (material) {
    if (spool.type) {
      if (folded(spool.type) !== folded(material)) return said.loaded(material, spool.type);
    } else if (
      printer.materials.length > 0 &&
      !printer.materials.some((one) => folded(one) === folded(material))
    ) {
      return said.material(material, printer.materials.join(", "));
    }
  }
  if (grams != null && spool.grams != null && grams > spool.grams) {
    return said.filament(format.grams(grams), format.grams(spool.grams));
  }
  const room = printer.buildVolume;
  if (size && room && (size.x > room.x || size.y > room.y || size.z > room.z)) {
    return said.size(box(size), box(room));
  }
  return null;
}

function folded(material: string): string {
  return material.trim().toLowerCase();
}

function box({ x, y, z }: { x: number; y: number; z: number }): string {
  return `${format.count(x)} × ${format.count(y)} × ${format.millimetres(Math.round(z))}`;
}
