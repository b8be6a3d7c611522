import { useEffect, useState } from "react";
import styles from "./WallPage.module.css";

const time = new Intl.DateTimeFormat(navigator.language, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(navigator.language, { weekday: "long", day: "numeric", month: "long" });

const minute = () => Math.floor(Date.now() / 60_000);

/** What time it is, changed as the minute is. */
export function Clock() {
  const [at, setAt] = useState(minute);
  useEffect(() => {
    const timer = window.setInterval(() => setAt(minute()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const now = new Date(at * 60_000);
  return (
    <time className={styles.clock} dateTime={now.toISOString()}>
      <span className={styles.day}>{day.format(now)}</span>
      <strong>{time.format(now)}</strong>
    </time>
  );
}
