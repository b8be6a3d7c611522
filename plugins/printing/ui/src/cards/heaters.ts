import { text } from "@/text";

/** The colours that heaters are drawn in, by their place among the printer's. */
const COLOURS = ["--fg-heat-1", "--fg-heat-2", "--fg-heat-3"];
const PLACES: Record<string, number> = { tool0: 0, bed: 1, chamber: 2 };

/** In the order that people expect: hotends, bed, the rest. */
export function inOrder(heaters: readonly string[]): string[] {
  const rank = (heater: string) => (heater.startsWith("tool") ? 0 : heater === "bed" ? 1 : 2);
  return [...heaters].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

export function heaterColour(heater: string): string {
  const place = PLACES[heater] ?? 2;
  return COLOURS[place] ?? "--fg-heat-3";
}

export function heaterName(heater: string): string {
  return text.printers.heaters[heater] ?? heater;
}
