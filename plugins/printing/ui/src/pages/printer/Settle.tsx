import { useMutation } from "@tanstack/react-query";
import { CircleCheck, CircleDashed, CircleX, HelpCircle } from "lucide-react";
import { useEffect } from "react";
import { settle } from "@/api/printer";
import { Button, failed, told, useConfirm } from "@/design";
import { useJobOf } from "@/live";
import { text } from "@/text";
import { useMay } from "./may";
import { usePart } from "./part";
import styles from "./Urgent.module.css";

const words = text.printer.settle;
const ENDS = [
  ["completed", CircleCheck],
  ["failed", CircleX],
  ["none", CircleDashed],
] as const;
type End = (typeof ENDS)[number][0];

/** A print of which nobody knows what became: a person looks, and says it here. */
export function Settle({ name }: { name: string }) {
  const isHeld = usePart(name, (printer) => printer.outcomeUnknown);
  const job = useJobOf(name);
  const may = useMay(name);
  const [ask, question] = useConfirm();
  const say = useMutation({
    mutationFn: (end: End) => (job ? settle(job, end) : Promise.resolve()),
    onSuccess: () => told(words.done),
    onError: failed,
  });
  const { reset } = say;
  useEffect(() => {
    if (!isHeld) reset();
  }, [isHeld, reset]);
  if (!isHeld) return question;
  return (
    <section className={`${styles.urgent} ${styles.bad}`} aria-labelledby="settle">
      <HelpCircle aria-hidden />
      <div className={styles.words}>
        <h2 id="settle">{words.title}</h2>
        <p>{words.about(job?.file_name ?? words.someFile)}</p>
        {job?.state_detail && <p>{words.why(job.state_detail)}</p>}
        {(!may.operate || !job) && <p>{words.mayNot}</p>}
      </div>
      {may.operate && job && (
        <div className={styles.actions}>
          {ENDS.map(([end, Picture]) => (
            <Button
              key={end}
              busy={say.isPending && say.variables === end}
              disabled={say.isPending || say.isSuccess}
              icon={<Picture aria-hidden />}
              onClick={() =>
                ask({
                  title: words.ask[end],
                  description: words.askAbout[end],
                  action: words[end],
                  onYes: () => say.mutate(end),
                })
              }
            >
              {words[end]}
            </Button>
          ))}
        </div>
      )}
      {question}
    </section>
  );
}
