import { useQuery } from "@tanstack/react-query";
import { printsOfQuery } from "@/api/files";
import { ResultBadge } from "@/cards/ResultBadge";
import { Failed, Loading } from "@/design";
import { format, text } from "@/text";
import styles from "./Small.module.css";

const words = text.files.one.prints;

/** How the prints of a file ended, the last first. */
export function Prints({ name }: { name: string }) {
  const history = useQuery(printsOfQuery(name));
  if (history.error && !history.data)
    return <Failed error={history.error} onRetry={() => history.refetch()} />;
  if (!history.data) return <Loading lines={3} />;
  const { prints, others } = history.data;
  if (prints.length === 0) return <p className={styles.none}>{others ? words.noneOlder : words.none}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keyboard too
    <div className={styles.scroll} tabIndex={0}>
      <table className={styles.table}>
        <caption className="visually-hidden">{text.files.one.history}</caption>
        <thead>
          <tr>
            <th scope="col">{words.columns.outcome}</th>
            <th scope="col">{words.columns.ended}</th>
            <th scope="col">{words.columns.printer}</th>
            <th scope="col">{words.columns.took}</th>
            <th scope="col">{words.columns.used}</th>
          </tr>
        </thead>
        <tbody>
          {prints.map((job) => (
            <tr key={job.id}>
              <td>
                <ResultBadge job={job} />
              </td>
              <td>
                {format.moment(job.completed_at ?? job.canceled_at ?? job.error_timestamp ?? job.updated_at)}
              </td>
              <td>{job.printer_name ?? format.NOTHING}</td>
              <td>{format.duration(job.duration_seconds)}</td>
              <td>{format.grams(job.material_used)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
