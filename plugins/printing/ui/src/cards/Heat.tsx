import type { PrinterView } from "@/api/types";
import { format, text } from "@/text";

/** How warm it is, and how warm it should be. */
export function Heat({ printer, className }: { printer: PrinterView; className?: string | undefined }) {
  const heaters = Object.entries(printer.temperature);
  if (heaters.length === 0 || printer.status === "offline") return null;
  return (
    <dl className={className}>
      {heaters.map(([heater, { actual, target }]) => (
        <div key={heater}>
          <dt>{text.printers.heaters[heater] ?? heater}</dt>{" "}
          <dd>{target ? `${format.degrees(actual)} → ${format.degrees(target)}` : format.degrees(actual)}</dd>
        </div>
      ))}
    </dl>
  );
}
