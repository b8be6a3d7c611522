import styles from "./Progress.module.css";

/** `percent` from 0 to 100; null: not known. */
export function Progress({
  percent,
  label,
  tone,
}: {
  percent: number | null;
  label: string;
  tone?: "warn" | "bad";
}) {
  const known = percent ?? 0;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent === null ? undefined : Math.round(known)}
      className={`${styles.bar} ${tone ? styles[tone] : ""}`}
    >
      <div className={styles.fill} style={{ transform: `scaleX(${known / 100})` }} />
    </div>
  );
}
