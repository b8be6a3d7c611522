import { Notice } from "@/design";
import { format, text } from "@/text";
import { usePart } from "./part";
import styles from "./Silence.module.css";

const words = text.printer.silence;

/** A printer that doesn't answer, or reports an error: since when, why, and what to do. */
export function Silence({ name }: { name: string }) {
  const is = usePart(name, ({ status, stale, error, observedAt, text: says }) => ({
    status,
    stale,
    why: error ?? (status === "error" ? says : null),
    // of a printer that answers it changes all the time, and isn't shown
    since: stale || status === "offline" ? observedAt : 0,
  }));
  if (!is) return null;
  if (is.status === "error")
    return <Said tone="bad" title={words.error} why={is.why} steps={words.steps.error} />;
  const since = format.moment(is.since * 1000);
  if (is.status === "offline") {
    const title = is.since > 0 ? words.offline(since) : words.never;
    return <Said tone="warn" title={title} why={is.why} steps={words.steps.offline} />;
  }
  if (is.stale) return <Said tone="warn" title={words.stale(since)} why={is.why} steps={[]} />;
  return null;
}

interface SaidProps {
  tone: "warn" | "bad";
  title: string;
  why: string | null;
  steps: readonly string[];
}

function Said({ tone, title, why, steps }: SaidProps) {
  return (
    <Notice tone={tone}>
      <p className={styles.title}>{title}</p>
      {why && <p className={styles.why}>{why}</p>}
      {steps.length > 0 && (
        <ul className={styles.steps}>
          {steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ul>
      )}
    </Notice>
  );
}
