/** What is shown of one job that ended, in a table's cell or on a card. */
import { useQuery } from "@tanstack/react-query";
import { FileBox, FileX } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { address } from "@/api/client";
import { knownFileQuery } from "@/api/history";
import { optionsQuery } from "@/api/queries";
import type { JobItem } from "@/api/types";
import { format, text } from "@/text";
import styles from "./History.module.css";

const words = text.history;

/** Whether the file that was printed is still there by its name; undefined: not known yet. */
export function useFileThere(job: JobItem): boolean | undefined {
  const { data } = useQuery(knownFileQuery(job.fileName));
  return data === undefined ? undefined : data !== null;
}

export function FilePicture({ job }: { job: JobItem }) {
  const { data: file } = useQuery(knownFileQuery(job.fileName));
  const [isBroken, setBroken] = useState(false);
  const picture = file?.metadata?.thumbnail; // FluxPrint says nothing of it
  if (!picture || isBroken) {
    const Picture = file === null ? FileX : FileBox;
    return (
      <span className={styles.picture}>
        <Picture aria-hidden />
      </span>
    );
  }
  return (
    <img
      className={styles.picture}
      src={address(picture)}
      alt=""
      width={40}
      height={40}
      loading="lazy"
      decoding="async"
      onError={() => setBroken(true)}
    />
  );
}

export function FileName({ job }: { job: JobItem }) {
  const isThere = useFileThere(job);
  if (isThere === false) {
    return (
      <span className={styles.name}>
        <span className={styles.file1}>{job.fileName}</span>
        <span className={styles.second}>{words.gone}</span>
      </span>
    );
  }
  return (
    <Link href={`/files/${encodeURIComponent(job.fileName)}`} className={`${styles.name} ${styles.file1}`}>
      {job.fileName}
    </Link>
  );
}

/** Where, and for which project. */
export function Place({ job, onProject }: { job: JobItem; onProject: (id: string) => void }) {
  const { projectId } = job;
  return (
    <>
      <span className={styles.first}>{job.printerName ?? words.noPrinter}</span>
      {projectId && (
        <button
          type="button"
          className={styles.project}
          title={words.onlyProject}
          onClick={() => onProject(projectId)}
        >
          {job.projectName ?? projectId.slice(0, 8)}
        </button>
      )}
    </>
  );
}

export function Ended({ job }: { job: JobItem }) {
  return (
    <>
      <Time when={job.completedAt} />
      <span className={styles.second}>
        {job.startedAt
          ? words.started(format.shortMoment(job.startedAt, job.completedAt))
          : words.neverStarted}
      </span>
    </>
  );
}

function Time({ when }: { when: string | null }) {
  if (!when) return <span className={styles.first}>{format.NOTHING}</span>;
  return (
    <time className={styles.first} dateTime={when} title={format.ago(when)}>
      {format.shortMoment(when)}
    </time>
  );
}

/** How long it took against what was expected. */
export function Taken({ job }: { job: JobItem }) {
  return (
    <>
      <span className={styles.first}>{format.duration(job.durationSeconds)}</span>
      <span className={styles.second}>
        {job.estimatedTime ? words.estimated(format.duration(job.estimatedTime)) : words.noEstimate}
        {job.status === "completed" && <Off job={job} />}
      </span>
    </>
  );
}

const NOTABLE = 0.1;

function Off({ job }: { job: JobItem }) {
  if (!job.durationSeconds || !job.estimatedTime) return null;
  const off = job.durationSeconds / job.estimatedTime - 1;
  if (Math.abs(off) < NOTABLE) return null;
  const said = format.percent(Math.abs(off) * 100);
  return (
    <span className={styles.off}>
      <span aria-hidden>{` ${off > 0 ? "+" : "−"}${said}`}</span>
      <span className="visually-hidden">{`, ${(off > 0 ? words.slower : words.quicker)(said)}`}</span>
    </span>
  );
}

export function Material({ job }: { job: JobItem }) {
  const { materialColor: color } = job;
  return (
    <>
      <span className={styles.first}>{job.materialType ?? format.NOTHING}</span>
      <span className={styles.second}>
        {color && (
          <>
            <Swatch color={color} />
            {color}
            {job.materialUsed != null && " · "}
          </>
        )}
        {job.materialUsed != null && format.grams(job.materialUsed)}
      </span>
    </>
  );
}

/** A colour that a person wrote, where browsers know it. */
function Swatch({ color }: { color: string }) {
  if (!CSS.supports("color", color)) return null;
  return <span aria-hidden className={styles.swatch} style={{ background: color }} />;
}

export function Cost({ job }: { job: JobItem }) {
  const { data: options } = useQuery(optionsQuery);
  return <span className={styles.first}>{format.money(job.cost, options?.currency ?? "EUR")}</span>;
}
