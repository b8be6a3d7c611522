import { useMutation } from "@tanstack/react-query";
import { CircleCheck, CircleX, Send } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { sendGcode } from "@/api/printer";
import { Problem } from "@/api/problem";
import { Button, Card, TextField } from "@/design";
import { text } from "@/text";
import styles from "./GcodeConsole.module.css";
import { useMay } from "./may";
import { usePart } from "./part";

const words = text.printer.gcode;
const KEPT = 20;

interface Sent {
  number: number;
  command: string;
  refused: string | null;
}

/** G-code by hand, of what the configuration lets printing admins send. */
export function GcodeConsole({ name }: { name: string }) {
  const may = useMay(name);
  const allowed = usePart(name, (printer) =>
    printer.capabilities.includes("gcode") ? printer.allowedGcode : [],
  );
  const isFree = usePart(name, (printer) => printer.status === "idle" && !printer.outcomeUnknown);
  if (!may.administer || !allowed || allowed.length === 0) return null;
  return (
    <Card title={words.title}>
      <Console name={name} allowed={allowed} isFree={isFree ?? false} />
    </Card>
  );
}

function Console({ name, allowed, isFree }: { name: string; allowed: string[]; isFree: boolean }) {
  const id = useId();
  const [typed, setTyped] = useState("");
  const [log, setLog] = useState<Sent[]>([]);
  const note = (command: string, refused: string | null) =>
    setLog((before) =>
      [{ number: (before[0]?.number ?? 0) + 1, command, refused }, ...before].slice(0, KEPT),
    );
  const send = useMutation({
    mutationFn: (command: string) => sendGcode(name, [command]),
    onSuccess: (_, command) => {
      note(command, null);
      setTyped("");
    },
    onError: (error, command) => note(command, Problem.from(error).message),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed.trim()) send.mutate(typed.trim());
  };
  return (
    <>
      <p className={styles.allowed}>
        {words.allowed}:{" "}
        {allowed.map((command) => (
          <code key={command}>{command}</code>
        ))}
      </p>
      <form className={styles.form} onSubmit={submit}>
        <TextField
          label={words.label}
          bare
          list={id}
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          maxLength={256}
          placeholder={allowed[0]}
          value={typed}
          disabled={!isFree}
          hint={isFree ? undefined : words.busy}
          onChange={(event) => setTyped(event.target.value)}
        />
        <datalist id={id}>
          {allowed.map((command) => (
            <option key={command} value={command} />
          ))}
        </datalist>
        <Button
          type="submit"
          icon={<Send aria-hidden />}
          busy={send.isPending}
          disabled={!isFree || !typed.trim()}
        >
          {words.send}
        </Button>
      </form>
      <ul className={styles.log} aria-label={words.log} aria-live="polite">
        {log.map(({ number, command, refused }) => (
          <li key={number} className={refused ? styles.refused : undefined}>
            {refused ? <CircleX aria-hidden /> : <CircleCheck aria-hidden />}
            <code>{command}</code>
            <span>{refused ? words.refused(refused) : words.sent}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
