import { type ReactNode, useId } from "react";
import styles from "./Options.module.css";

export interface Option<T> {
  value: T;
  label: ReactNode;
  about?: ReactNode;
  /** At the end of its line: a state. */
  aside?: ReactNode;
}

interface Props<T> {
  legend: string;
  value: T;
  onChange: (value: T) => void;
  choices: Option<T>[];
  error?: string | null;
  /** The legend is read aloud only. */
  bare?: boolean;
}

/** One of a few, each with a word about it. */
export function Options<T extends string | null>({
  legend,
  value,
  onChange,
  choices,
  error,
  bare,
}: Props<T>) {
  const id = useId();
  return (
    <fieldset className={styles.group} aria-describedby={error ? `${id}-error` : undefined}>
      <legend className={bare ? "visually-hidden" : styles.legend}>{legend}</legend>
      <div className={styles.choices}>
        {choices.map((choice, index) => (
          <label key={choice.value ?? ""} className={styles.choice}>
            <input
              type="radio"
              name={id}
              checked={choice.value === value}
              onChange={() => onChange(choice.value)}
              aria-labelledby={`${id}-${index}`}
              aria-describedby={choice.about ? `${id}-${index}-about` : undefined}
            />
            <span className={styles.words}>
              <span id={`${id}-${index}`} className={styles.label}>
                {choice.label}
              </span>
              {choice.about && (
                <span id={`${id}-${index}-about`} className={styles.about}>
                  {choice.about}
                </span>
              )}
            </span>
            {choice.aside}
          </label>
        ))}
      </div>
      {error && (
        <p id={`${id}-error`} className={styles.error} role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}
