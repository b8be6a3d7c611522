import { Link } from "wouter";
import type { PrinterView } from "@/api/types";
import { StatusBadge, standing } from "@/cards/status";
import { Card } from "@/design";
import { useLive, usePrinter, usePrinterNames } from "@/live";
import { format, text } from "@/text";
import styles from "./Health.module.css";
import { Steps } from "./parts";

const words = text.health.printers;
const TROUBLE = new Set<string>(["offline", "stale", "error", "held"]);

function isTroubled(printer: PrinterView | undefined): boolean {
  return printer !== undefined && TROUBLE.has(standing(printer));
}

/** The printers that are away or in trouble, each with what to do; all others in a sentence. */
export function Printers() {
  const names = usePrinterNames();
  const isKnown = useLive((s) => s.order !== null);
  const troubled = useLive((s) => names.filter((name) => isTroubled(s.printers[name])).length);
  if (!isKnown) return null;
  return (
    <div className={`${styles.printersCard} ${troubled > 1 ? styles.wide : ""}`}>
      <Card title={words.title}>
        {troubled === 0 ? (
          <p className={styles.detail}>{words.allWell(names.length)}</p>
        ) : (
          <ul className={`${styles.rows} ${styles.printers}`}>
            {names.map((name) => (
              <Troubled key={name} name={name} />
            ))}
          </ul>
        )}
      </Card>
    </div>
  );
}

function Troubled({ name }: { name: string }) {
  const printer = usePrinter(name);
  if (!printer || !isTroubled(printer)) return null;
  const is = standing(printer);
  return (
    <li>
      <div className={styles.row}>
        <Link href={`/printers/${encodeURIComponent(name)}`} className={styles.name ?? ""}>
          {name}
        </Link>
        <StatusBadge printer={printer} />
      </div>
      <p>{printer.error ?? (is === "offline" ? words.noReason : printer.text)}</p>
      <p className={styles.detail}>
        {printer.observedAt > 0 ? words.seen(format.moment(printer.observedAt * 1000)) : words.neverSeen}
      </p>
      <Steps steps={words.steps[is] ?? []} />
    </li>
  );
}
