import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { loadMaterial } from "@/api/printer";
import { optionsQuery } from "@/api/queries";
import type { Of } from "@/api/types";
import { Button, Dialog, failed, TextField, told } from "@/design";
import { text } from "@/text";
import { gramsOf } from "./amounts";
import styles from "./Setup.module.css";
import { Swatch } from "./Swatch";

const words = text.printer.setup;
const HEX = /^#[0-9a-f]{6}$/i;

interface Props {
  name: string;
  spool: Of<"MaterialView">;
  onClose: () => void;
}

/** Saying which spool is loaded. */
export function SpoolDialog({ name, spool, onClose }: Props) {
  const form = useId();
  const types = useId();
  const { data: options } = useQuery(optionsQuery);
  const [type, setType] = useState(spool.type ?? "");
  const [colour, setColour] = useState(spool.color ?? "");
  const [left, setLeft] = useState(spool.grams == null ? "" : String(Math.round(spool.grams)));
  const grams = gramsOf(left);
  const save = useMutation({
    mutationFn: (said: Of<"MaterialView">) => loadMaterial(name, said),
    onSuccess: () => {
      told(words.saved);
      onClose();
    },
    onError: failed,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (grams === undefined) return;
    save.mutate({ type: type.trim() || null, color: colour.trim() || null, grams });
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={words.dialog}
      description={words.dialogAbout}
      actions={
        <>
          <Button
            look="quiet"
            disabled={save.isPending}
            onClick={() => save.mutate({ type: null, color: null, grams: null })}
          >
            {words.unload}
          </Button>
          <Button type="submit" form={form} look="primary" busy={save.isPending}>
            {text.common.save}
          </Button>
        </>
      }
    >
      <form id={form} className={styles.form} onSubmit={submit} noValidate>
        <TextField
          label={words.type}
          list={types}
          maxLength={50}
          autoComplete="off"
          value={type}
          onChange={(event) => setType(event.target.value)}
        />
        <datalist id={types}>
          {options?.materials.map((material) => (
            <option key={material.type} value={material.type} />
          ))}
        </datalist>
        <div className={styles.colour}>
          <TextField
            label={words.color}
            hint={words.colorHint}
            maxLength={50}
            autoComplete="off"
            value={colour}
            onChange={(event) => setColour(event.target.value)}
          />
          <label className={styles.picker}>
            <span className="visually-hidden">{words.pick}</span>
            <Swatch colour={colour.trim() || null} />
            <input
              type="color"
              value={HEX.test(colour) ? colour : "#888888"}
              onChange={(event) => setColour(event.target.value)}
            />
          </label>
        </div>
        <TextField
          label={words.grams}
          unit="g"
          inputMode="decimal"
          autoComplete="off"
          value={left}
          error={grams === undefined ? words.gramsWrong : null}
          onChange={(event) => setLeft(event.target.value)}
        />
      </form>
    </Dialog>
  );
}
