import { useQuery } from "@tanstack/react-query";
import { ListOrdered, Pause } from "lucide-react";
import { Link } from "wouter";
import { queueQuery } from "@/api/queries";
import type { QueueItem } from "@/api/types";
import { buttonClass, Card, Failed, Loading } from "@/design";
import { format, text } from "@/text";
import styles from "./NextUp.module.css";

const words = text.printer.next;
const SHOWN = 4;

/** The jobs that wait and could go to this printer, in the queue's order. */
export function waitingFor(items: readonly QueueItem[], printer: string): QueueItem[] {
  return items.filter(
    ({ status, targetPrinter }) =>
      status === "queued" && (targetPrinter === null || targetPrinter === printer),
  );
}

/** What waits for this printer. */
export function NextUp({ name }: { name: string }) {
  const { data: queue, error, refetch } = useQuery(queueQuery);
  return (
    <Card
      title={words.title}
      actions={
        <Link href="/queue" className={buttonClass("quiet")}>
          <ListOrdered aria-hidden />
          {words.queue}
        </Link>
      }
    >
      {queue ? (
        <>
          {queue.paused && (
            <p className={styles.quiet}>
              <Pause aria-hidden /> {words.paused}
            </p>
          )}
          <Jobs jobs={waitingFor(queue.items, name)} />
        </>
      ) : error ? (
        <Failed error={error} onRetry={() => refetch()} />
      ) : (
        <Loading lines={2} />
      )}
    </Card>
  );
}

function Jobs({ jobs }: { jobs: QueueItem[] }) {
  if (jobs.length === 0) return <p className={styles.quiet}>{words.nothing}</p>;
  return (
    <>
      <ol className={styles.jobs}>
        {jobs.slice(0, SHOWN).map((job) => (
          <li key={job.id}>
            <span className={styles.file}>{job.filename}</span>
            <span className={styles.about}>
              {[
                job.estimatedTime == null ? null : format.duration(job.estimatedTime),
                job.targetPrinter ? words.thisPrinter : words.anyPrinter,
                job.onHold ? words.held : job.detail,
              ]
                .filter(Boolean)
                .join(" · ")}
            </span>
          </li>
        ))}
      </ol>
      {jobs.length > SHOWN && <p className={styles.quiet}>{words.more(jobs.length - SHOWN)}</p>}
    </>
  );
}
