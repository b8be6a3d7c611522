import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { Problem } from "@/api/problem";
import { useCan } from "@/api/queries";
import { changeJob, holdJob, startJob } from "@/api/queue";
import type { PrinterView, QueueItem } from "@/api/types";
import { needsOfJob } from "@/cards/print/fit";
import { Options } from "@/cards/print/Options";
import { PRIORITIES, priorityName } from "@/cards/print/priority";
import { Target } from "@/cards/print/Target";
import { StatusBadge } from "@/cards/status";
import { Button, Dialog, Notice, SelectField, TextArea, told } from "@/design";
import { text } from "@/text";
import { takers } from "./takers";

const said = text.queue;

/** What a job's dialogs are about. */
export type Asked = "start" | "change" | "hold" | "again";

interface Props {
  open: boolean;
  onClose: () => void;
  job: QueueItem;
}

/** A dialog that does one thing to a job: it stays, with the reason, when that is refused. */
function Ask({
  open,
  onClose,
  job,
  title,
  about,
  action,
  icon,
  act,
  done,
  isDisabled,
  children,
}: Props & {
  title: string;
  about?: string;
  action: string;
  icon?: ReactNode;
  act: () => Promise<unknown>;
  done: string;
  isDisabled?: boolean;
  children: ReactNode;
}) {
  const form = useId();
  const queries = useQueryClient();
  const doing = useMutation({
    mutationFn: act,
    onSuccess: () => {
      told(done);
      onClose();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["queue"] }),
  });
  const problem = doing.error ? Problem.from(doing.error) : null;
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={title}
      description={about ?? job.filename}
      actions={
        <>
          <Button onClick={onClose}>{text.common.cancel}</Button>
          <Button
            look="primary"
            type="submit"
            form={form}
            busy={doing.isPending}
            disabled={isDisabled}
            icon={icon}
          >
            {action}
          </Button>
        </>
      }
    >
      <form
        id={form}
        style={{ display: "contents" }}
        onSubmit={(event) => {
          event.preventDefault();
          doing.mutate();
        }}
      >
        {problem && (
          <Notice tone="bad">
            <strong>{problem.title}.</strong> {problem.message}
          </Notice>
        )}
        {children}
      </form>
    </Dialog>
  );
}

/** Which of several printers a job is started on. */
export function StartDialog({ printers, ...props }: Props & { printers: PrinterView[] }) {
  const { job } = props;
  const can = useCan();
  const ready = takers(job, printers).filter(
    ({ printer, obstacle }) => obstacle === null && can("operator", { printer: printer.name }),
  );
  const [wanted, setWanted] = useState<string | null>(null);
  const chosen = ready.find(({ printer }) => printer.name === wanted) ?? ready[0];
  const name = chosen?.printer.name ?? null;
  return (
    <Ask
      {...props}
      title={said.startTitle}
      action={said.start}
      icon={<Play aria-hidden />}
      act={() => startJob(job.id, name)}
      done={said.started(job.filename, name ?? "")}
      isDisabled={name === null}
    >
      <Options
        legend={text.print.target}
        bare
        value={name}
        onChange={setWanted}
        choices={ready.map(({ printer }) => ({
          value: printer.name,
          label: printer.model ? `${printer.name} · ${printer.model}` : printer.name,
          aside: <StatusBadge printer={printer} />,
        }))}
      />
    </Ask>
  );
}

/** A job's priority, and the printer that it is for. */
export function ChangeDialog(props: Props) {
  const { job } = props;
  const [priority, setPriority] = useState(job.priority);
  const [printer, setPrinter] = useState(job.targetPrinter);
  const offered = PRIORITIES.includes(job.priority) ? PRIORITIES : [job.priority, ...PRIORITIES];
  return (
    <Ask
      {...props}
      title={said.changeTitle}
      action={text.common.save}
      done={said.changed}
      act={() =>
        changeJob(job.id, {
          ...(priority !== job.priority && { priority }),
          ...(printer !== job.targetPrinter && { printer }),
        })
      }
    >
      <SelectField
        label={text.print.priority}
        value={priority}
        onChange={(event) => setPriority(Number(event.target.value))}
      >
        {offered.map((one) => (
          <option key={one} value={one}>
            {priorityName(one)}
          </option>
        ))}
      </SelectField>
      <Target needs={needsOfJob(job.requirements)} value={printer} onChange={setPrinter} />
    </Ask>
  );
}

/** Keeps a job from being printed, and says why. */
export function HoldDialog(props: Props) {
  const [reason, setReason] = useState("");
  return (
    <Ask
      {...props}
      title={said.holdTitle}
      about={said.holdAbout}
      action={said.holdDo}
      done={said.held}
      act={() => holdJob(props.job.id, reason.trim())}
    >
      <TextArea
        label={said.holdReason}
        hint={said.holdReasonHint}
        rows={2}
        maxLength={1000}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
    </Ask>
  );
}
