import { TriangleAlert } from "lucide-react";
import { useCan } from "@/api/queries";
import type { PrinterView } from "@/api/types";
import { useLive, usePrinterNames } from "@/live";
import { text } from "@/text";
import { StatusBadge } from "../status";
import { lack, type Needs } from "./fit";
import { Options } from "./Options";
import styles from "./Target.module.css";

interface Props {
  needs: Needs | null;
  /** A printer by name; null: any. */
  value: string | null;
  onChange: (printer: string | null) => void;
  error?: string | null;
}

/** Which printer a job is for: any that fits, or one of those that the caller may print on, and what they lack. */
export function Target({ needs, value, onChange, error }: Props) {
  const can = useCan();
  const names = usePrinterNames();
  const all = useLive((s) => s.printers);
  const printers = names
    .map((name) => all[name])
    .filter(
      (printer): printer is PrinterView =>
        printer !== undefined && can("operator", { printer: printer.name }),
    );
  const lacks = new Map(printers.map((printer) => [printer.name, needs && lack(needs, printer)]));
  const fit = printers.filter((printer) => !lacks.get(printer.name)).length;
  return (
    <Options
      legend={text.print.target}
      value={value}
      onChange={onChange}
      error={error ?? null}
      choices={[
        { value: null, label: text.print.any, about: text.print.anyHint(fit, printers.length) },
        ...printers.map((printer) => ({
          value: printer.name,
          label: printer.model ? `${printer.name} · ${printer.model}` : printer.name,
          about: (
            <Lack lack={lacks.get(printer.name) ?? null} printer={value === printer.name ? value : null} />
          ),
          aside: <StatusBadge printer={printer} />,
        })),
      ]}
    />
  );
}

function Lack({ lack, printer }: { lack: string | null; printer: string | null }) {
  if (!lack) return text.print.fits;
  return (
    <span className={styles.lack}>
      <TriangleAlert aria-hidden /> {lack} {printer && text.print.willWait(printer)}
    </span>
  );
}
