import { useQuery } from "@tanstack/react-query";
import { waitingQuery } from "@/api/queue";
import type { QueueItem } from "@/api/types";
import { Failed, Loading } from "@/design";
import { text } from "@/text";
import styles from "./Queue.module.css";

/** Why a job isn't printing, printer by printer. */
export function Why({ job }: { job: QueueItem }) {
  const { data, error, refetch } = useQuery(waitingQuery(job.id));
  if (error) return <Failed error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading lines={3} />;
  if (data.printers.length === 0) return <p>{text.queue.whyNone}</p>;
  return (
    <dl className={styles.reasons}>
      {data.printers.map(({ printer, message }) => (
        <div key={printer}>
          <dt>{printer}</dt>
          <dd>{message ?? text.queue.whyNext}</dd>
        </div>
      ))}
    </dl>
  );
}
