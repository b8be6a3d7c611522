import { Card } from "@/design";
import { text } from "@/text";
import styles from "./Account.module.css";

const words = text.account.keys;
const COMMANDS = [
  'fluxgate keys create "…" --role admin',
  "FLUXGATE_AUTH__KEYS__ENABLED=true fluxgate run",
  null,
];

/** How an open gateway is made to ask who calls. */
export function KeysOff() {
  return (
    <Card title={words.offTitle}>
      <p className={styles.about}>{words.off}</p>
      <ol className={styles.steps}>
        {words.offSteps.map((step, index) => (
          <li key={step}>
            {step}
            {COMMANDS[index] && <code className={styles.command}>{COMMANDS[index]}</code>}
          </li>
        ))}
      </ol>
    </Card>
  );
}
