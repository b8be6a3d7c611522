import { type ReactNode, useEffect } from "react";
import { Notice } from "@/design";
import { useLive } from "@/live";
import { text } from "@/text";
import styles from "./Page.module.css";

interface Props {
  title: string;
  /** Beside the title: what is counted, a state. */
  about?: ReactNode;
  actions?: ReactNode;
  /** Above the title: the way back. */
  above?: ReactNode;
  children: ReactNode;
}

/** One page: its title, which is the window's too, and what can be done on it. */
export function Page({ title, about, actions, above, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${text.common.appName}`;
  }, [title]);
  const isAway = useLive((s) => s.link === "away");
  return (
    <div className={styles.page}>
      {above}
      <div className={styles.head}>
        <div className={styles.title}>
          <h1>{title}</h1>
          {about}
        </div>
        {actions && <div className={styles.actions}>{actions}</div>}
      </div>
      {isAway && <Notice tone="bad">{text.link.about.away}</Notice>}
      {children}
    </div>
  );
}
