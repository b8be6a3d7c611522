import { type ReactNode, useId } from "react";
import styles from "./Segments.module.css";

interface Props<Value extends string> {
  label: string;
  /** The label is read aloud only. */
  bare?: boolean;
  choices: readonly { value: Value; label: string; icon?: ReactNode }[];
  value: Value;
  onChange: (value: Value) => void;
}

/** One of a few, all of them in sight. */
export function Segments<Value extends string>({ label, bare, choices, value, onChange }: Props<Value>) {
  const name = useId();
  return (
    <fieldset className={styles.set}>
      <legend className={bare ? "visually-hidden" : styles.label}>{label}</legend>
      <div className={styles.row}>
        {choices.map((choice) => (
          <label key={choice.value} className={styles.choice}>
            <input
              type="radio"
              className={styles.radio}
              name={name}
              value={choice.value}
              checked={choice.value === value}
              onChange={() => onChange(choice.value)}
            />
            {choice.icon}
            {choice.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
