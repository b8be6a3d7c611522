import { memo } from "react";
import { Link } from "wouter";
import type { PrinterView } from "@/api/types";
import { Heat } from "@/cards/Heat";
import { isAtWork, StatusBadge, standing } from "@/cards/status";
import { Progress } from "@/design";
import { useJobOf, usePrinter } from "@/live";
import { format, text } from "@/text";
import { NextAction } from "./actions";
import { Next } from "./Next";
import styles from "./Rows.module.css";

/** Many printers on little room: a line each. */
export function Rows({ names }: { names: readonly string[] }) {
  return (
    <ul className={styles.rows}>
      {names.map((name) => (
        <Row key={name} name={name} />
      ))}
    </ul>
  );
}

const Row = memo(function Row({ name }: { name: string }) {
  const printer = usePrinter(name);
  if (!printer) return null;
  return (
    <li className={styles.row}>
      <h2 className={styles.name}>
        <Link href={`/printers/${encodeURIComponent(name)}`}>{name}</Link>
      </h2>
      <div className={styles.state}>
        <StatusBadge printer={printer} />
      </div>
      <Work printer={printer} />
      <Heat printer={printer} className={styles.heat} />
      <div className={styles.action}>
        <NextAction printer={printer} />
      </div>
    </li>
  );
});

function Work({ printer }: { printer: PrinterView }) {
  const job = useJobOf(printer.name);
  if (!isAtWork(printer)) {
    return (
      <div className={styles.work}>
        <p className={styles.why}>{text.printers.waits(standing(printer), printer)}</p>
        <Next printer={printer} />
      </div>
    );
  }
  return (
    <div className={styles.work}>
      <p className={styles.file}>
        <span>{job?.file_name ?? text.printers.somePrint}</span>
        <strong>{format.percent(printer.progress)}</strong>
        {printer.timeLeft != null && <span>{format.duration(printer.timeLeft)}</span>}
      </p>
      <Progress
        percent={printer.progress}
        label={text.printers.progressOf(printer.name)}
        {...(printer.status === "paused" && { tone: "warn" as const })}
      />
    </div>
  );
}
