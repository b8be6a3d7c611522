import { useCan } from "@/api/queries";
import type { PrinterView } from "@/api/types";
import { StatusBadge, standing } from "@/cards/status";
import { text } from "@/text";
import { BedClear, PrinterLink } from "./actions";
import styles from "./Overview.module.css";

/** The printers that wait for a person, on top of all others. */
export function Attention({ printers }: { printers: readonly PrinterView[] }) {
  const can = useCan();
  if (printers.length === 0) return null;
  return (
    <section aria-label={text.overview.attention} className={styles.attention}>
      <ul>
        {printers.map((printer) => {
          const is = standing(printer);
          const mayAct = can("operator", { printer: printer.name });
          return (
            <li key={printer.name}>
              <StatusBadge printer={printer} />
              <p>
                <strong>{printer.name}</strong> {text.printers.waits(is, printer)}
              </p>
              {is === "bed" && mayAct ? (
                <BedClear printer={printer.name} />
              ) : (
                <PrinterLink
                  printer={printer.name}
                  label={mayAct ? text.overview.decide : text.overview.look}
                />
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
