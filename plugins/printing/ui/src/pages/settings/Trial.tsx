import { useMutation } from "@tanstack/react-query";
import { CircleCheck, CircleX } from "lucide-react";
import { Problem } from "@/api/problem";
import { type Settings, type Trial, tryPrinter } from "@/api/settings";
import { Loading, Notice } from "@/design";
import { text } from "@/text";
import styles from "./Settings.module.css";

export interface Trying {
  isRunning: boolean;
  result: Trial | undefined;
  error: Problem | null;
  run: (name: string | null, settings: Settings | null) => void;
  forget: () => void;
}

/** Asks a printer once whether it can be used, and keeps what was found. */
export function useTrial(onRefused?: (problem: Problem) => void): Trying {
  const { mutate, reset, data, error, isPending } = useMutation({
    mutationFn: ({ name, settings }: { name: string | null; settings: Settings | null }) =>
      tryPrinter(name, settings),
    onError: (problem) => onRefused?.(Problem.from(problem)),
  });
  return {
    isRunning: isPending,
    result: data,
    error: error && Problem.from(error),
    run: (name, settings) => mutate({ name, settings }),
    forget: reset,
  };
}

/** What was found, part by part, and how to mend it. */
export function TrialResult({ trial }: { trial: Trying }) {
  const words = text.settings.trial;
  if (trial.isRunning) {
    return (
      <div>
        <p className={styles.hint}>{text.settings.form.testing}</p>
        <Loading lines={2} />
      </div>
    );
  }
  if (trial.error) return <Notice tone="bad">{trial.error.message}</Notice>;
  if (!trial.result) return null;
  const { ok, findings } = trial.result;
  return (
    <div className={styles.trial} role="status">
      <p className={ok ? styles.works : styles.fails}>{ok ? words.ok : words.bad}</p>
      <ul>
        {findings.map((finding) => (
          <li key={finding.part}>
            {finding.ok ? (
              <CircleCheck className={styles.works} role="img" aria-label={words.works} />
            ) : (
              <CircleX className={styles.fails} role="img" aria-label={words.fails} />
            )}
            <div>
              <p>
                <strong>{words.parts[finding.part] ?? finding.part}</strong> {finding.message}
              </p>
              {finding.mend && <p className={styles.hint}>{finding.mend}</p>}
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
