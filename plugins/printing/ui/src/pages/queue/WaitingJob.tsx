import { useSortable } from "@dnd-kit/sortable";
import { CSS } from "@dnd-kit/utilities";
import { useQueryClient } from "@tanstack/react-query";
import {
  ArrowDown,
  ArrowUp,
  ArrowUpToLine,
  CirclePause,
  CopyPlus,
  GripVertical,
  MoreHorizontal,
  Pencil,
  Play,
  Trash2,
} from "lucide-react";
import { useState } from "react";
import { useCan } from "@/api/queries";
import { releaseJob, startJob } from "@/api/queue";
import type { PrinterView, QueueItem } from "@/api/types";
import { FilePicture } from "@/cards/print";
import { inWords, needsOfJob } from "@/cards/print/fit";
import { priorityName } from "@/cards/print/priority";
import { Badge, Button, buttonClass, IconButton, Menu, Popover, told } from "@/design";
import { useLive } from "@/live";
import { format, text } from "@/text";
import type { Asked } from "./dialogs";
import { FileLink } from "./PrintingJob";
import styles from "./Queue.module.css";
import { takers } from "./takers";
import { attempt, takeOut } from "./useQueue";
import { Why } from "./Why";

const said = text.queue;

interface Props {
  job: QueueItem;
  index: number;
  count: number;
  printers: PrinterView[];
  mayChange: boolean;
  isNative: boolean;
  onMove: (from: number, to: number) => void;
  onAsk: (what: Asked, job: QueueItem) => void;
}

/** A job that waits: what it is, what it needs, why it waits, and what can be done about that. */
export function WaitingJob({ job, index, count, printers, mayChange, isNative, onMove, onAsk }: Props) {
  const queries = useQueryClient();
  const can = useCan();
  const [isBusy, setBusy] = useState(false);
  const { attributes, listeners, setNodeRef, setActivatorNodeRef, transform, transition, isDragging } =
    useSortable({ id: job.id, disabled: !mayChange || count < 2 });
  const more = useLive((s) => s.jobs[job.jobId]);
  const who = more?.created_by && more.created_by !== "local" ? more.created_by : null;
  const needs = inWords(needsOfJob(job.requirements));
  const ready = takers(job, printers).filter(
    (one) => one.obstacle === null && can("operator", { printer: one.printer.name }),
  );
  const mayStart = mayChange && ready.length > 0 && !job.onHold;

  const start = async () => {
    const [first, ...others] = ready;
    if (!first) return;
    if (others.length > 0) return onAsk("start", job);
    setBusy(true);
    const { name } = first.printer;
    if (await attempt(queries, () => startJob(job.id, isNative ? name : null))) {
      told(said.started(job.filename, name));
    }
    setBusy(false);
  };
  const release = () => void attempt(queries, () => releaseJob(job.id));

  return (
    <li
      ref={setNodeRef}
      className={`${styles.waiting} ${isDragging ? styles.dragged : ""}`}
      style={{ transform: CSS.Translate.toString(transform), transition }}
    >
      {mayChange && count > 1 ? (
        <button
          type="button"
          ref={setActivatorNodeRef}
          className={`${buttonClass("quiet", { icon: true })} ${styles.handle}`}
          {...attributes}
          {...listeners}
          aria-label={said.handle(job.filename)}
        >
          <GripVertical aria-hidden />
        </button>
      ) : (
        <span />
      )}
      <span className={styles.place}>
        <span className="visually-hidden">{said.place(job.position)}</span>
        <span aria-hidden>{job.position}</span>
      </span>
      <FilePicture name={job.filename} size={48} />
      <div className={styles.words}>
        <div className={styles.line}>
          <FileLink job={job} />
          <span className={styles.badges}>
            {job.onHold && (
              <Badge tone="warn" icon={<CirclePause aria-hidden />}>
                {said.held}
              </Badge>
            )}
            {job.priority !== 0 && (
              <Badge tone={job.priority > 0 ? "accent" : "idle"}>
                {text.print.priority}: {priorityName(job.priority)}
              </Badge>
            )}
          </span>
        </div>
        <p className={styles.about}>
          {[
            job.targetPrinter ? said.only(job.targetPrinter) : said.anyPrinter,
            ...needs,
            ...(job.estimatedTime != null ? [said.takes(format.duration(job.estimatedTime))] : []),
          ].join(" · ")}
          {" · "}
          <time dateTime={job.addedAt} title={format.moment(job.addedAt)}>
            {said.added(format.ago(job.addedAt), who)}
          </time>
        </p>
        <p className={styles.why}>
          {(job.onHold && more?.hold_reason) || job.detail || said.goesNext}{" "}
          {isNative && (
            <Popover
              title={said.whyOf(job.filename)}
              trigger={
                <button type="button" className={styles.ask} aria-label={said.whyOf(job.filename)}>
                  {said.why}
                </button>
              }
            >
              <Why job={job} />
            </Popover>
          )}
        </p>
      </div>
      {mayChange && (
        <div className={styles.actions}>
          {job.onHold ? (
            <Button onClick={release} icon={<Play aria-hidden />}>
              {said.release}
            </Button>
          ) : (
            <Button
              icon={<Play aria-hidden />}
              disabled={!mayStart}
              busy={isBusy}
              aria-label={said.startOf(job.filename)}
              onClick={() => void start()}
            >
              {said.start}
            </Button>
          )}
          <Menu
            trigger={
              <IconButton label={said.menuOf(job.filename)}>
                <MoreHorizontal aria-hidden />
              </IconButton>
            }
            choices={[
              index > 0
                ? {
                    label: said.moveFirst,
                    icon: <ArrowUpToLine aria-hidden />,
                    onSelect: () => onMove(index, 0),
                  }
                : null,
              index > 0
                ? {
                    label: said.moveUp,
                    icon: <ArrowUp aria-hidden />,
                    onSelect: () => onMove(index, index - 1),
                  }
                : null,
              index < count - 1
                ? {
                    label: said.moveDown,
                    icon: <ArrowDown aria-hidden />,
                    onSelect: () => onMove(index, index + 1),
                  }
                : null,
              isNative
                ? {
                    label: said.change,
                    icon: <Pencil aria-hidden />,
                    onSelect: () => onAsk("change", job),
                  }
                : null,
              {
                label: said.again,
                icon: <CopyPlus aria-hidden />,
                onSelect: () => onAsk("again", job),
              },
              isNative && !job.onHold
                ? {
                    label: said.hold,
                    icon: <CirclePause aria-hidden />,
                    onSelect: () => onAsk("hold", job),
                  }
                : null,
              {
                label: said.remove,
                icon: <Trash2 aria-hidden />,
                dangerous: true,
                onSelect: () => takeOut(queries, job),
              },
            ]}
          />
        </div>
      )}
    </li>
  );
}
