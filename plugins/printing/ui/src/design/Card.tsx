import { type ReactNode, useId } from "react";
import styles from "./Card.module.css";

interface Props {
  title?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
  /** Its content reaches its edges: pictures, tables. */
  flush?: boolean;
}

export function Card({ title, actions, children, flush }: Props) {
  const id = useId();
  return (
    <section
      className={`${styles.card} ${flush ? styles.flush : ""}`}
      aria-labelledby={title ? id : undefined}
    >
      {(title || actions) && (
        <div className={styles.head}>
          {title && <h2 id={id}>{title}</h2>}
          {actions && <div className={styles.actions}>{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}
