import type { ReactNode } from "react";
import type { PrinterView } from "@/api/types";
import { Progress } from "@/design";
import { useJobOf, usePrinter } from "@/live";
import { format, text } from "@/text";
import { CameraStill } from "./CameraStill";
import { Heat } from "./Heat";
import styles from "./PrinterCard.module.css";
import { isAtWork, StatusBadge, standing } from "./status";

interface Props {
  name: string;
  /** Around the printer's name: a link to more of it. */
  link?: (name: string) => ReactNode;
  /** What can be done with it, as buttons. */
  actions?: (printer: PrinterView) => ReactNode;
  camera?: boolean;
}

/** A printer at a glance: picture, state, print, temperatures, and what it waits for. */
export function PrinterCard({ name, link, actions, camera = true }: Props) {
  const printer = usePrinter(name);
  if (!printer) return null;
  const is = standing(printer);
  const look = is === "bed" ? styles.attention : is === "error" || is === "held" ? styles.trouble : "";
  const away = is === "offline" || is === "connecting" || is === "stale";
  return (
    <article className={`${styles.card} ${look} ${away ? styles.quiet : ""}`} aria-label={name}>
      {camera && (
        <div className={styles.picture}>
          <CameraStill printer={name} />
        </div>
      )}
      <div className={styles.body}>
        <div className={styles.head}>
          <h2 className={styles.name}>{link ? link(name) : name}</h2>
          <StatusBadge printer={printer} />
        </div>
        <Work printer={printer} />
        <Heat printer={printer} className={styles.heat} />
        {actions && <div className={styles.actions}>{actions(printer)}</div>}
      </div>
    </article>
  );
}

function Work({ printer }: { printer: PrinterView }) {
  const job = useJobOf(printer.name);
  if (isAtWork(printer)) {
    return (
      <div className={styles.job}>
        <p className={styles.file}>{job?.file_name ?? text.printers.somePrint}</p>
        <Progress
          percent={printer.progress}
          label={text.printers.progressOf(printer.name)}
          {...(printer.status === "paused" && { tone: "warn" as const })}
        />
        <p className={styles.figures}>
          <strong>{format.percent(printer.progress)}</strong>
          {printer.timeLeft != null && printer.status === "printing" && (
            <span>
              {text.printers.left(format.duration(printer.timeLeft), format.endsAt(printer.timeLeft))}
            </span>
          )}
        </p>
      </div>
    );
  }
  return <p className={styles.why}>{text.printers.waits(standing(printer), printer)}</p>;
}
