import type { Of } from "@/api/types";
import { Progress } from "@/design";
import { format, text } from "@/text";
import styles from "./Storage.module.css";

const words = text.files.storage;

function tone(percent: number): { tone?: "warn" | "bad" } {
  return percent >= 95 ? { tone: "bad" } : percent >= 80 ? { tone: "warn" } : {};
}

/** How full the storage is, and the caller's share of it. */
export function Storage({ files: { used, free, total, quota } }: { files: Of<"FilesView"> }) {
  const taken = total > 0 ? Math.min(100, (1 - free / total) * 100) : 100;
  const share = quota && quota.limit > 0 ? Math.min(100, (quota.used / quota.limit) * 100) : 0;
  return (
    <div className={styles.storage}>
      <Meter percent={taken} label={words.label}>
        <span>{words.used(format.bytes(used))}</span>
        <span>{words.free(format.bytes(free), format.bytes(total))}</span>
      </Meter>
      {quota && (
        <Meter percent={share} label={words.quotaLabel}>
          <span>{words.quota(format.bytes(quota.used), format.bytes(quota.limit))}</span>
        </Meter>
      )}
      {Math.max(taken, share) >= 95 && <p className={styles.full}>{words.full}</p>}
    </div>
  );
}

function Meter({ percent, label, children }: { percent: number; label: string; children: React.ReactNode }) {
  return (
    <div className={styles.meter}>
      <Progress percent={percent} label={label} {...tone(percent)} />
      <p>{children}</p>
    </div>
  );
}
