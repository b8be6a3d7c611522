import { memo } from "react";
import { useShallow } from "zustand/react/shallow";
import { isAtWork, LOOKS, standing } from "@/cards/status";
import { useJobOf, useLive } from "@/live";
import { format, text } from "@/text";
import styles from "./Tile.module.css";

const AWAY = new Set(["offline", "connecting", "stale"]);

/** One printer, to be read from the other end of a workshop. It is drawn anew only when something that it shows changed. */
export const Tile = memo(function Tile({ name }: { name: string }) {
  const is = useLive(
    useShallow((s) => {
      const printer = s.printers[name];
      if (!printer) return null;
      const state = standing(printer);
      const works = isAtWork(printer) && state !== "held" && state !== "stale";
      return {
        state,
        works,
        percent: works && printer.progress != null ? Math.floor(printer.progress) : null,
        left: works && printer.status === "printing" ? format.duration(printer.timeLeft) : null,
        ends: works && printer.status === "printing" ? format.endsAt(printer.timeLeft) : null,
        why: state === "error" ? (printer.error ?? printer.text) : null,
      };
    }),
  );
  if (!is) return null;
  const [tone, Picture] = LOOKS[is.state];
  return (
    <article
      className={`${styles.tile} ${styles[tone]} ${AWAY.has(is.state) ? styles.away : ""}`}
      aria-label={name}
    >
      {is.works && (
        <span className={styles.fill} style={{ transform: `scaleX(${(is.percent ?? 0) / 100})` }} />
      )}
      <h2 className={styles.name}>{name}</h2>
      {is.works && is.percent !== null ? (
        <>
          <p className={styles.figure}>{format.percent(is.percent)}</p>
          <p className={styles.state}>
            <Picture aria-hidden />
            {text.printers.status[is.state]}
          </p>
          <p className={styles.more}>
            {is.left && is.ends && is.left !== format.NOTHING ? (
              <>
                {is.left} {text.wall.left} · <strong>{is.ends}</strong>
              </>
            ) : (
              <FileOf name={name} />
            )}
          </p>
        </>
      ) : (
        <>
          <p className={styles.word}>
            <Picture aria-hidden />
            {text.printers.status[is.state]}
          </p>
          {is.why && <p className={styles.why}>{is.why}</p>}
        </>
      )}
    </article>
  );
});

function FileOf({ name }: { name: string }) {
  return useJobOf(name)?.file_name ?? null;
}
