import { ChevronDown } from "lucide-react";
import { Fragment, useId, useState } from "react";
import type { JobItem } from "@/api/types";
import { ResultBadge } from "@/cards/ResultBadge";
import { Card, useMedia } from "@/design";
import { text } from "@/text";
import styles from "./History.module.css";
import { JobActions } from "./JobActions";
import { Cost, Ended, FileName, FilePicture, Material, Place, Taken } from "./parts";

const words = text.history;

interface Props {
  jobs: readonly JobItem[];
  /** Show one project's only. */
  onProject: (id: string) => void;
}

/** A page of the history: a table where there is room for one, else cards. */
export function JobList(props: Props) {
  return useMedia("(min-width: 72rem)") ? <JobTable {...props} /> : <JobCards {...props} />;
}

function JobTable({ jobs, onProject }: Props) {
  return (
    <Card flush>
      <table className={styles.table} aria-label={words.list}>
        <thead>
          <tr>
            {(["file", "result", "printer", "ended", "time", "material", "cost"] as const).map((column) => (
              <th key={column} scope="col">
                {words.columns[column]}
              </th>
            ))}
            <th scope="col">
              <span className="visually-hidden">{words.columns.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <JobRow key={job.id} job={job} onProject={onProject} />
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function JobRow({ job, onProject }: { job: JobItem; onProject: (id: string) => void }) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  return (
    <Fragment>
      <tr>
        <th scope="row">
          <span className={styles.file}>
            <FilePicture job={job} />
            <FileName job={job} />
          </span>
        </th>
        <td>
          <ResultBadge job={job} />
          {job.errorMessage && (
            <button
              type="button"
              className={styles.why}
              aria-expanded={isOpen}
              aria-controls={id}
              onClick={() => setOpen(!isOpen)}
            >
              {words.whyShort}
              <ChevronDown aria-hidden />
            </button>
          )}
        </td>
        <td>
          <Place job={job} onProject={onProject} />
        </td>
        <td>
          <Ended job={job} />
        </td>
        <td>
          <Taken job={job} />
        </td>
        <td>
          <Material job={job} />
        </td>
        <td className={styles.number}>
          <Cost job={job} />
        </td>
        <td>
          <JobActions job={job} />
        </td>
      </tr>
      {job.errorMessage && (
        <tr id={id} hidden={!isOpen} className={styles.explained}>
          <td colSpan={8}>{job.errorMessage}</td>
        </tr>
      )}
    </Fragment>
  );
}

function JobCards({ jobs, onProject }: Props) {
  return (
    <ul className={styles.cards} aria-label={words.list}>
      {jobs.map((job) => (
        <li key={job.id} className={styles.card}>
          <div className={styles.cardHead}>
            <FilePicture job={job} />
            <FileName job={job} />
            <JobActions job={job} />
          </div>
          <ResultBadge job={job} />
          <dl className={styles.facts}>
            <Fact label={words.facts.printer}>
              <Place job={job} onProject={onProject} />
            </Fact>
            <Fact label={words.facts.ended}>
              <Ended job={job} />
            </Fact>
            <Fact label={words.facts.time}>
              <Taken job={job} />
            </Fact>
            <Fact label={words.facts.material}>
              <Material job={job} />
            </Fact>
            <Fact label={words.facts.cost}>
              <Cost job={job} />
            </Fact>
          </dl>
          {job.errorMessage && (
            <details className={styles.details}>
              <summary>{words.why}</summary>
              <p>{job.errorMessage}</p>
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}

function Fact({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
