/** What people type, as numbers. */
import type { PrinterView } from "@/api/types";

/** The highest that a heater may be set to; null: it can't be set from here. */
export function mostOf(heater: string, printer: Pick<PrinterView, "capabilities" | "bounds">): number | null {
  if (!printer.capabilities.includes("temperature")) return null;
  if (heater === "bed") return printer.bounds.bed;
  return /^tool\d{1,2}$/.test(heater) ? printer.bounds.hotend : null;
}

/** °C; null: not a whole number between 0 and the most. */
export function degreesOf(typed: string, most: number): number | null {
  if (!/^\d{1,4}$/.test(typed.trim())) return null;
  const value = Number(typed);
  return value <= most ? value : null;
}

/** Grams; null: nobody said, undefined: no weight. */
export function gramsOf(typed: string): number | null | undefined {
  const said = typed.trim().replace(",", ".");
  if (said === "") return null;
  const value = Number(said);
  return /^\d+(\.\d+)?$/.test(said) && value <= 1_000_000 ? value : undefined;
}
