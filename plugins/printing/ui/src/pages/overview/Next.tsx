import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { queueQuery } from "@/api/queries";
import type { PrinterView } from "@/api/types";
import { standing } from "@/cards/status";
import { useLive } from "@/live";
import { text } from "@/text";
import styles from "./Overview.module.css";
import { waitingFor } from "./sorting";

/** Under a printer that has nothing to do, though a job waits that could go there: which, and why it doesn't start. */
export function Next({ printer }: { printer: PrinterView }) {
  const waits = useLive((s) => s.queue?.waiting !== 0);
  const isPaused = useLive((s) => s.queue?.paused ?? false);
  const is = standing(printer);
  const isFree = is === "idle" || is === "bed";
  const queue = useQuery({ ...queueQuery, enabled: isFree && waits });
  if (!isFree || !queue.data) return null;
  const [next, ...others] = waitingFor(printer, queue.data.items);
  if (!next) return null;
  const words = text.overview;
  const why = isPaused
    ? words.queuePaused
    : is === "bed"
      ? null
      : printer.autoStart
        ? next.detail
        : words.byHand;
  return (
    <p className={styles.next}>
      <Link href="/queue">{words.next(next.filename)}</Link>
      {why && ` · ${why}`}
      {others.length > 0 && ` · ${words.more(others.length)}`}
    </p>
  );
}
