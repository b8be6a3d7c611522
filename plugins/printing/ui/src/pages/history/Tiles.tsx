import type { JobStats } from "@/api/history";
import { format, text } from "@/text";
import styles from "./Tiles.module.css";

const words = text.history.tiles;

/** The most that is to be known of the prints, in five numbers. */
export function Tiles({ stats, isFailed }: { stats: JobStats | undefined; isFailed: boolean }) {
  if (isFailed) return null;
  const printed = stats ? stats.completed + stats.failed : 0;
  const each = (value: number) => (printed > 0 ? value / printed : null);
  return (
    <dl className={styles.tiles} aria-label={words.label} aria-busy={!stats || undefined}>
      <Tile
        label={words.prints}
        value={stats && format.count(stats.total)}
        about={stats && words.printsAbout(stats.completed, stats.failed, stats.canceled)}
      />
      <Tile
        label={words.success}
        value={stats && format.percent(stats.successRate)}
        about={words.successAbout}
      />
      <Tile
        label={words.time}
        value={stats && format.duration(stats.printSeconds)}
        about={stats && words.timeAbout(format.duration(stats.printSeconds / Math.max(1, stats.days.length)))}
      />
      <Tile
        label={words.material}
        value={stats && format.grams(stats.materialGrams)}
        about={stats && words.materialAbout(format.grams(each(stats.materialGrams)))}
      />
      <Tile
        label={words.cost}
        value={stats && format.money(stats.cost, stats.currency)}
        about={stats && words.costAbout(format.money(each(stats.cost), stats.currency))}
      />
    </dl>
  );
}

function Tile({
  label,
  value,
  about,
}: {
  label: string;
  value: string | undefined;
  about: string | undefined;
}) {
  return (
    <div className={styles.tile}>
      <dt>{label}</dt>
      <dd className={styles.value}>{value ?? format.NOTHING}</dd>
      <dd className={styles.about}>{about ?? "\u00a0"}</dd>
    </div>
  );
}
