import { CircleHelp } from "lucide-react";
import { text } from "@/text";
import styles from "./Settings.module.css";

/** Where a kind of printer has its address and its key. */
export function Guide({ driver, title }: { driver: string; title: string }) {
  const guide = text.settings.guide.kinds[driver];
  if (!guide) return null;
  return (
    <aside className={styles.guide} aria-label={text.settings.guide.title(title)}>
      <h3>
        <CircleHelp aria-hidden />
        {text.settings.guide.title(title)}
      </h3>
      <p>{guide.address}</p>
      <ol>
        {guide.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <p>{guide.note}</p>
    </aside>
  );
}
