import { useId } from "react";
import type { Driver } from "@/api/settings";
import { text } from "@/text";
import styles from "./Settings.module.css";

interface Props {
  drivers: readonly Driver[];
  kind: string | null;
  onKind: ((kind: string) => void) | undefined;
}

const KNOWN = ["octoprint", "moonraker", "prusalink"];

/** Which kind of printer it is; the usual ones first, the simulated one last. */
export function Kinds({ drivers, kind, onKind }: Props) {
  const words = text.settings.form;
  const id = useId();
  const rank = ({ driver }: Driver) =>
    driver === "virtual" ? 99 : KNOWN.includes(driver) ? KNOWN.indexOf(driver) : KNOWN.length;
  return (
    <fieldset className={styles.kinds}>
      <legend>{words.kind}</legend>
      <div>
        {[...drivers]
          .sort((a, b) => rank(a) - rank(b))
          .map((one) => (
            <label key={one.driver}>
              <input
                type="radio"
                name={id}
                checked={one.driver === kind}
                onChange={() => onKind?.(one.driver)}
              />
              <span>
                <strong>{one.title}</strong>
                <span>{words.kinds[one.driver] ?? words.otherKind}</span>
              </span>
            </label>
          ))}
      </div>
    </fieldset>
  );
}
