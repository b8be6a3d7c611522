import { useQueryClient } from "@tanstack/react-query";
import { ListOrdered, Pause, Play, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { useCan } from "@/api/queries";
import { clearQueue, pauseQueue } from "@/api/queue";
import { Button, buttonClass, Card, Empty, Failed, Loading, Notice, told, useConfirm } from "@/design";
import { Page } from "@/shell/Page";
import { format, text } from "@/text";
import { PrintingJob } from "./PrintingJob";
import styles from "./Queue.module.css";
import { attempt, usePrinters, useQueue } from "./useQueue";
import { WaitingList } from "./WaitingList";

const said = text.queue;

/** What prints now and what waits, in order; where the order, the printers and the jobs themselves are changed. */
export default function QueuePage() {
  const { query, printing, waiting, paused, isNative, isOwn } = useQueue();
  const printers = usePrinters();
  const queries = useQueryClient();
  const can = useCan();
  const [confirm, question] = useConfirm();
  const [isPausing, setPausing] = useState(false);
  const mayChange = can("operator", "any");

  const setPaused = async (next: boolean) => {
    setPausing(true);
    await attempt(queries, () => pauseQueue(next));
    await queries.refetchQueries({ queryKey: ["queue"], exact: true });
    setPausing(false);
  };
  const clear = () =>
    confirm({
      title: said.clearAsk(waiting.length),
      description: said.clearAbout,
      action: said.clear,
      dangerous: true,
      onYes: () =>
        void attempt(queries, async () => {
          const done = await clearQueue();
          told(said.cleared(done.count ?? waiting.length));
        }),
    });

  const isEmpty = query.data !== undefined && printing.length + waiting.length === 0;
  return (
    <Page
      title={said.title}
      about={query.data && !isEmpty && <Totals printing={printing.length} waiting={waiting} />}
      actions={
        query.data && (
          <>
            {isNative && !paused && can("admin", "all") && (
              <Button icon={<Pause aria-hidden />} busy={isPausing} onClick={() => void setPaused(true)}>
                {said.pause}
              </Button>
            )}
            {mayChange && waiting.length > 0 && (
              <Button icon={<Trash2 aria-hidden />} onClick={clear}>
                {said.clear}
              </Button>
            )}
          </>
        )
      }
    >
      {question}
      {paused && (
        <Notice
          tone="warn"
          actions={
            can("admin", "all") && (
              <Button icon={<Play aria-hidden />} busy={isPausing} onClick={() => void setPaused(false)}>
                {said.resume}
              </Button>
            )
          }
        >
          {said.paused}
        </Notice>
      )}
      {query.data && query.error && <Notice tone="warn">{said.failedToRefresh}</Notice>}
      {!query.data ? (
        query.error ? (
          <Failed error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Loading lines={8} />
        )
      ) : isEmpty ? (
        <Empty
          icon={<ListOrdered aria-hidden />}
          title={said.empty.title}
          actions={
            <Link href="/files" className={buttonClass("primary")}>
              {said.empty.files}
            </Link>
          }
        >
          {mayChange ? said.empty.about : said.empty.look}
        </Empty>
      ) : (
        <>
          <Card title={said.printing} flush>
            {printing.length > 0 ? (
              <ul>
                {printing.map((job) => (
                  <li key={job.id}>
                    <PrintingJob job={job} />
                  </li>
                ))}
              </ul>
            ) : (
              <p className={styles.nothing}>{said.nothingPrints}</p>
            )}
          </Card>
          <Card title={said.waiting} flush>
            {isOwn && <p className={styles.nothing}>{said.own}</p>}
            {waiting.length > 0 ? (
              <WaitingList jobs={waiting} printers={printers} mayChange={mayChange} isNative={isNative} />
            ) : (
              <p className={styles.nothing}>{said.nothingWaits}</p>
            )}
          </Card>
        </>
      )}
    </Page>
  );
}

function Totals({ printing, waiting }: { printing: number; waiting: { estimatedTime: number | null }[] }) {
  const seconds = waiting.reduce((sum, job) => sum + (job.estimatedTime ?? 0), 0);
  const isWhole = waiting.every((job) => job.estimatedTime != null);
  const time = format.duration(seconds);
  const parts = [
    said.totals.waiting(format.count(waiting.length)),
    said.totals.printing(format.count(printing)),
    seconds > 0 && (isWhole ? said.totals.time(time) : said.totals.atLeast(time)),
  ];
  return <p className={styles.totals}>{parts.filter(Boolean).join(" · ")}</p>;
}
