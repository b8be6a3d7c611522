import { Eraser, Undo2 } from "lucide-react";
import { Button, SelectField, TextArea, TextField } from "@/design";
import { text } from "@/text";
import { AXES, type Draft, type Field } from "./fields";
import styles from "./Settings.module.css";

interface Props {
  field: Field;
  draft: Draft;
  error: string | undefined;
  /** The gateway has one, which isn't shown. */
  isKept: boolean;
  /** It mustn't go where the address leads now. */
  isStranded: boolean;
  onChange: (key: string, value: string | null) => void;
}

/** The control of one field, by its shape. */
export function Input({ field, draft, error, isKept, isStranded, onChange }: Props) {
  const words = text.settings.form;
  const known = words.fields[field.key];
  const label = known?.label ?? field.key;
  const preset = presetOf(field);
  const hint = [known ? known.hint : field.description, preset].filter(Boolean).join(" ");
  const value = draft[field.key] ?? "";
  const common = {
    label,
    error,
    ...(known?.unit && { unit: known.unit }),
    value,
    name: field.key,
  };
  const set = (event: { target: { value: string } }) => onChange(field.key, event.target.value);
  if (field.isSecret || isKept) return <Secret {...{ field, draft, error, isKept, isStranded, onChange }} />;
  switch (field.shape) {
    case "volume":
      return <Volume field={field} draft={draft} error={error} onChange={onChange} />;
    case "switch":
      return (
        <SelectField {...common} hint={known ? known.hint : field.description} onChange={set}>
          <option value="">
            {field.preset == null ? words.inherit : words.byDefault(yesNo(field.preset))}
          </option>
          <option value="true">{words.yes}</option>
          <option value="false">{words.no}</option>
        </SelectField>
      );
    case "choice":
      return (
        <SelectField {...common} hint={known ? known.hint : field.description} onChange={set}>
          <option value="">
            {field.preset == null
              ? words.unset
              : words.byDefault(words.choices[String(field.preset)] ?? String(field.preset))}
          </option>
          {field.choices.map((choice) => (
            <option key={choice} value={choice}>
              {words.choices[choice] ?? choice}
            </option>
          ))}
        </SelectField>
      );
    case "json":
      return (
        <TextArea
          {...common}
          rows={2}
          hint={[field.description, words.json].filter(Boolean).join(" ")}
          onChange={set}
        />
      );
    default:
      return (
        <TextField
          {...common}
          hint={hint || (field.shape === "list" ? words.list : undefined)}
          placeholder={known?.placeholder}
          inputMode={field.shape === "number" ? "decimal" : /url$/.test(field.key) ? "url" : undefined}
          autoCapitalize="off"
          autoComplete="off"
          spellCheck={false}
          onChange={set}
        />
      );
  }
}

function Secret({ field, draft, error, isKept, isStranded, onChange }: Props) {
  const words = text.settings.form;
  const known = words.fields[field.key];
  const isGone = draft[field.key] === null;
  const hint = isGone
    ? words.secretGone
    : isStranded
      ? words.secretAgain
      : isKept
        ? words.secretKept
        : [known ? known.hint : field.description, words.secret].filter(Boolean).join(" ");
  return (
    <div className={styles.secret}>
      <TextField
        label={known?.label ?? field.key}
        name={field.key}
        type={field.isSecret ? "password" : "text"}
        autoComplete="new-password"
        spellCheck={false}
        value={draft[field.key] ?? ""}
        placeholder={isKept && !isGone && !isStranded ? "••••••••••••" : undefined}
        error={error}
        hint={hint}
        onChange={(event) => onChange(field.key, event.target.value)}
      />
      {isKept && field.isSecret && !draft[field.key] && (
        <Button
          look="quiet"
          icon={isGone ? <Undo2 aria-hidden /> : <Eraser aria-hidden />}
          onClick={() => onChange(field.key, isGone ? "" : null)}
        >
          {isGone ? words.keepSecret : words.forget}
        </Button>
      )}
    </div>
  );
}

function Volume({ field, draft, error, onChange }: Pick<Props, "field" | "draft" | "error" | "onChange">) {
  const words = text.settings.form;
  return (
    <fieldset className={styles.volume} aria-describedby={error ? `${field.key}-error` : undefined}>
      <legend>{words.fields[field.key]?.label ?? field.key}</legend>
      <div>
        {AXES.map((axis) => (
          <TextField
            key={axis}
            label={words.volume[axis] ?? axis}
            unit={words.volume.unit ?? ""}
            name={`${field.key}.${axis}`}
            inputMode="decimal"
            autoComplete="off"
            value={draft[`${field.key}.${axis}`] ?? ""}
            aria-invalid={error ? true : undefined}
            onChange={(event) => onChange(`${field.key}.${axis}`, event.target.value)}
          />
        ))}
      </div>
      {error && (
        <p id={`${field.key}-error`} className={styles.wrong} role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}

function presetOf(field: Field): string {
  const { preset } = field;
  return typeof preset === "number" || (typeof preset === "string" && preset)
    ? text.settings.form.byDefault(String(preset))
    : "";
}

function yesNo(preset: unknown): string {
  return preset ? text.settings.form.yes : text.settings.form.no;
}
