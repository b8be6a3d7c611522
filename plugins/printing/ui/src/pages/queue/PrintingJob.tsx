import { useQueryClient } from "@tanstack/react-query";
import { HelpCircle } from "lucide-react";
import { Link } from "wouter";
import { useCan } from "@/api/queries";
import { settleJob } from "@/api/queue";
import type { QueueItem } from "@/api/types";
import { FilePicture } from "@/cards/print";
import { isAtWork, StatusBadge } from "@/cards/status";
import { Badge, Button, Menu, Progress, told } from "@/design";
import { useLive, usePrinter } from "@/live";
import { format, text } from "@/text";
import styles from "./Queue.module.css";
import { attempt } from "./useQueue";

const said = text.queue;

/** A job on its printer, as far as it is now. */
export function PrintingJob({ job }: { job: QueueItem }) {
  const printer = usePrinter(job.printer ?? "");
  const progress = useLive((s) => s.jobs[job.jobId]?.progress) ?? job.progress;
  const isThere = printer !== undefined && isAtWork(printer);
  const percent = isThere ? (printer.progress ?? progress) : progress;
  return (
    <article className={styles.printing} aria-label={job.filename}>
      <FilePicture name={job.filename} size={56} />
      <div className={styles.words}>
        <div className={styles.line}>
          <FileLink job={job} />
          {job.outcomeUnknown ? (
            <Badge tone="bad" icon={<HelpCircle aria-hidden />}>
              {said.unknown}
            </Badge>
          ) : (
            printer && <StatusBadge printer={printer} />
          )}
        </div>
        {job.outcomeUnknown ? (
          <p className={styles.about}>
            {job.detail ?? ""} {said.unknownAbout}
          </p>
        ) : (
          <Progress
            percent={percent}
            label={text.printers.progressOf(job.filename)}
            {...(printer?.status === "paused" && { tone: "warn" as const })}
          />
        )}
        <div className={styles.line}>
          <p className={styles.about}>
            {job.printer && (
              <Link href={`/printers/${encodeURIComponent(job.printer)}`}>{said.on(job.printer)}</Link>
            )}
            {!job.outcomeUnknown && (
              <>
                {" · "}
                <strong>{format.percent(percent)}</strong>
                {isThere && printer.timeLeft != null && printer.status === "printing" && (
                  <>
                    {" · "}
                    {text.printers.left(format.duration(printer.timeLeft), format.endsAt(printer.timeLeft))}
                  </>
                )}
                {!isThere && ` · ${said.starting}`}
              </>
            )}
          </p>
          {job.outcomeUnknown && <Settle job={job} />}
        </div>
      </div>
    </article>
  );
}

function Settle({ job }: { job: QueueItem }) {
  const can = useCan();
  const queries = useQueryClient();
  if (!can("operator", job.printer ? { printer: job.printer } : "any")) return null;
  const settle = async (status: "completed" | "failed" | "canceled") => {
    if (await attempt(queries, () => settleJob(job.jobId, status))) told(said.wasSettled);
  };
  return (
    <Menu
      trigger={<Button>{said.settle}</Button>}
      choices={(["completed", "failed", "canceled"] as const).map((status) => ({
        label: said.settled[status],
        onSelect: () => void settle(status),
      }))}
    />
  );
}

/** The name of a job's file, and which copy of how many. */
export function FileLink({ job }: { job: QueueItem }) {
  return (
    <p className={styles.name}>
      <Link href={`/files/${encodeURIComponent(job.filename)}`}>{job.filename}</Link>
      {job.copies > 1 && <small>{said.copy(job.copyNumber, job.copies)}</small>}
    </p>
  );
}
