import type { ReactNode } from "react";
import styles from "./Badge.module.css";

export type Tone = "idle" | "accent" | "good" | "warn" | "bad";

/** A state in a word, told by its picture too, not by its colour alone. */
export function Badge({
  tone = "idle",
  icon,
  children,
}: {
  tone?: Tone;
  icon?: ReactNode;
  children: ReactNode;
}) {
  return (
    <span className={`${styles.badge} ${styles[tone] ?? ""}`}>
      {icon}
      {children}
    </span>
  );
}
