import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { heat } from "@/api/printer";
import { heaterColour } from "@/cards/heaters";
import { Button, failed, TextField } from "@/design";
import { format, text } from "@/text";
import { degreesOf, mostOf } from "./amounts";
import styles from "./HeaterRow.module.css";
import { useMay } from "./may";
import { usePart } from "./part";

const words = text.printer.heat;

interface Props {
  name: string;
  heater: string;
  label: string;
}

/** One heater: how warm it is, and how warm it should be. */
export function HeaterRow({ name, heater, label }: Props) {
  const may = useMay(name);
  const most = usePart(name, (printer) => (printer.status === "error" ? null : mostOf(heater, printer)));
  const now = usePart(name, (printer) => ({
    actual: format.degrees(printer.temperature[heater]?.actual),
    target: printer.temperature[heater]?.target ?? 0,
  }));
  return (
    <div className={styles.row}>
      <div className={styles.reading}>
        <span className={styles.swatch} style={{ background: `var(${heaterColour(heater)})` }} aria-hidden />
        <span className={styles.label}>{label}</span>
        <strong>{now?.actual}</strong>
        <span className={styles.target}>{now?.target ? `→ ${format.degrees(now.target)}` : words.isOff}</span>
      </div>
      {may.command && most != null && (
        <Target name={name} heater={heater} label={label} most={most} isOn={(now?.target ?? 0) > 0} />
      )}
    </div>
  );
}

function Target({ name, heater, label, most, isOn }: Props & { most: number; isOn: boolean }) {
  const [typed, setTyped] = useState("");
  const [isWrong, setWrong] = useState(false);
  const set = useMutation({
    mutationFn: (target: number) => heat(name, heater, target),
    onSuccess: () => setTyped(""),
    onError: failed,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const target = degreesOf(typed, most);
    setWrong(target === null);
    if (target !== null) set.mutate(target);
  };
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextField
        label={words.target(label)}
        bare
        inputMode="numeric"
        autoComplete="off"
        placeholder={words.upTo(format.degrees(most))}
        value={typed}
        error={isWrong ? words.wrong(format.degrees(most)) : null}
        onChange={(event) => {
          setTyped(event.target.value);
          setWrong(false);
        }}
      />
      <Button type="submit" disabled={typed.trim() === ""} busy={set.isPending && set.variables !== 0}>
        {words.set}
      </Button>
      <Button
        look="quiet"
        disabled={!isOn}
        busy={set.isPending && set.variables === 0}
        aria-label={words.offOf(label)}
        onClick={() => set.mutate(0)}
      >
        {words.off}
      </Button>
    </form>
  );
}
