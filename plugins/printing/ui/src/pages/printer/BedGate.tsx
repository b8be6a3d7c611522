import { useMutation } from "@tanstack/react-query";
import { Check, PackageOpen } from "lucide-react";
import { useEffect } from "react";
import { clearBed } from "@/api/printer";
import { isAtWork, isBlocked } from "@/cards/status";
import { Button, failed, told } from "@/design";
import { format, text } from "@/text";
import { useMay } from "./may";
import { usePart } from "./part";
import styles from "./Urgent.module.css";

const words = text.printer.bed;

/** Nothing starts until somebody says that the bed is clear: the button that says so. */
export function BedGate({ name }: { name: string }) {
  const may = useMay(name);
  const bed = usePart(name, (printer) => ({
    isShown: isBlocked(printer) && !isAtWork(printer) && !printer.outcomeUnknown,
    reason: printer.bed.reason,
    since: printer.bed.since,
  }));
  const clear = useMutation({
    mutationFn: () => clearBed(name),
    onSuccess: () => told(words.done),
    onError: failed,
  });
  const { reset } = clear;
  const isShown = bed?.isShown ?? false;
  useEffect(() => {
    if (!isShown) reset();
  }, [isShown, reset]);
  if (!isShown || !bed) return null;
  return (
    <section className={styles.urgent} aria-labelledby="bed-gate">
      <PackageOpen aria-hidden />
      <div className={styles.words}>
        <h2 id="bed-gate">{words.title}</h2>
        <p>
          {words.reasons[bed.reason ?? ""]} {bed.since && words.since(format.moment(bed.since))} {words.about}{" "}
          {!may.operate && words.mayNot}
        </p>
      </div>
      {may.operate && (
        <div className={styles.actions}>
          <Button
            look="primary"
            large
            busy={clear.isPending || clear.isSuccess}
            icon={<Check aria-hidden />}
            onClick={() => clear.mutate()}
          >
            {words.action}
          </Button>
        </div>
      )}
    </section>
  );
}
