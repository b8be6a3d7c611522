import { CircleAlert, CircleCheck, Info, RotateCcw, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { Problem } from "@/api/problem";
import { text } from "@/text";
import { Button } from "./Button";
import styles from "./States.module.css";

interface EmptyProps {
  icon: ReactNode;
  /** Left out where the page's own title says it. */
  title?: string;
  children?: ReactNode;
  actions?: ReactNode;
}

/** Nothing there: what would be, and how it comes. */
export function Empty({ icon, title, children, actions }: EmptyProps) {
  return (
    <div className={styles.state}>
      {icon}
      {title && <h2>{title}</h2>}
      {children && <p>{children}</p>}
      {actions && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}

/** It couldn't be read: what is wrong, what to do, and a retry. */
export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const problem = Problem.from(error);
  return (
    <div className={styles.state} role="alert">
      <CircleAlert aria-hidden />
      <h2>{problem.title}</h2>
      <p>{problem.message}</p>
      {problem.steps.length > 0 && (
        <ul className={styles.steps}>
          {problem.steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ul>
      )}
      {onRetry && (
        <div className={styles.actions}>
          <Button icon={<RotateCcw aria-hidden />} onClick={onRetry}>
            {text.common.retry}
          </Button>
        </div>
      )}
    </div>
  );
}

const PICTURES = { info: Info, good: CircleCheck, warn: TriangleAlert, bad: CircleAlert };

/** Something to know, where it matters. */
export function Notice({
  tone = "info",
  children,
  actions,
}: {
  tone?: keyof typeof PICTURES;
  children: ReactNode;
  actions?: ReactNode;
}) {
  const Picture = PICTURES[tone];
  return (
    <div className={`${styles.notice} ${styles[tone] ?? ""}`} role={tone === "bad" ? "alert" : undefined}>
      <Picture aria-hidden />
      <div>{children}</div>
      {actions}
    </div>
  );
}

/** In place of what is still being read. */
export function Loading({ lines = 4 }: { lines?: number }) {
  return (
    <div className={styles.bones} role="status" aria-label={text.common.loading}>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <div key={line} className={styles.bone} style={{ width: `${100 - ((line * 17) % 40)}%` }} />
      ))}
    </div>
  );
}
