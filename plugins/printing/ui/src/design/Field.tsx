import { Switch as BaseSwitch } from "@base-ui/react/switch";
import { type ComponentProps, type ReactNode, useId } from "react";
import styles from "./Field.module.css";

interface Around {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
  /** Shown behind the control: °C, mm, g. */
  unit?: string;
  /** The label is read aloud only. */
  bare?: boolean;
}

function Frame({
  id,
  label,
  hint,
  error,
  unit,
  bare,
  children,
}: Around & { id: string; children: ReactNode }) {
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={bare ? "visually-hidden" : styles.label}>
        {label}
      </label>
      {unit ? (
        <span className={styles.unit}>
          {children}
          {unit}
        </span>
      ) : (
        children
      )}
      {hint && !error && (
        <p id={`${id}-about`} className={styles.hint}>
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-about`} className={styles.error} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

function about(id: string, { hint, error }: Around) {
  return {
    id,
    ...(error && { "aria-invalid": true }),
    "aria-describedby": hint || error ? `${id}-about` : undefined,
    className: styles.control,
  } as const;
}

export function TextField({ label, hint, error, unit, bare, ...rest }: Around & ComponentProps<"input">) {
  const id = useId();
  const around = { label, hint, error, ...(unit && { unit }), ...(bare && { bare }) };
  return (
    <Frame id={id} {...around}>
      <input {...rest} {...about(id, around)} />
    </Frame>
  );
}

export function TextArea({ label, hint, error, bare, ...rest }: Around & ComponentProps<"textarea">) {
  const id = useId();
  const around = { label, hint, error, ...(bare && { bare }) };
  return (
    <Frame id={id} {...around}>
      <textarea {...rest} {...about(id, around)} />
    </Frame>
  );
}

/** The browser's own: the best there is for a phone and for a screen reader. */
export function SelectField({
  label,
  hint,
  error,
  bare,
  children,
  ...rest
}: Around & ComponentProps<"select">) {
  const id = useId();
  const around = { label, hint, error, ...(bare && { bare }) };
  return (
    <Frame id={id} {...around}>
      <select {...rest} {...about(id, around)}>
        {children}
      </select>
    </Frame>
  );
}

interface SwitchProps {
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

export function Switch({ label, hint, checked, onChange, disabled }: SwitchProps) {
  const id = useId();
  return (
    <div className={styles.switch}>
      <BaseSwitch.Root
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled ?? false}
        aria-labelledby={id}
        className={styles.track}
      >
        <BaseSwitch.Thumb className={styles.thumb} />
      </BaseSwitch.Root>
      <span>
        <span id={id} className={styles.label}>
          {label}
        </span>
        {hint && <span className={styles.hint}> {hint}</span>}
      </span>
    </div>
  );
}
