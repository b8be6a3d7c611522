import styles from "./Setup.module.css";

/** A spool's colour, where its name is one that the browser knows; else an empty spool. */
export function Swatch({ colour }: { colour: string | null }) {
  const known = colour !== null && CSS.supports("color", colour) ? colour : null;
  return (
    <span className={styles.swatch} style={known ? { background: known } : undefined} aria-hidden>
      <span className={styles.hole} />
    </span>
  );
}
