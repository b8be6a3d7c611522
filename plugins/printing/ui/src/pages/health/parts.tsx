import { CircleCheck, CircleX, LoaderCircle, TriangleAlert } from "lucide-react";
import { Badge, type Tone } from "@/design";
import { text } from "@/text";
import styles from "./Health.module.css";

const words = text.health;

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  up: ["good", CircleCheck],
  active: ["good", CircleCheck],
  closed: ["good", CircleCheck],
  degraded: ["warn", TriangleAlert],
  starting: ["warn", LoaderCircle],
  "half-open": ["warn", LoaderCircle],
  down: ["bad", CircleX],
  open: ["bad", CircleX],
  quarantined: ["bad", CircleX],
};

/** How a check, a plugin or a connection is, by the gateway's word for it. */
export function StatusBadge({ status }: { status: string }) {
  const [tone, Picture] = LOOKS[status] ?? ["idle", TriangleAlert];
  return (
    <Badge tone={tone} icon={<Picture aria-hidden />}>
      {words.status[status] ?? words.plugin[status] ?? words.upstream[status] ?? status}
    </Badge>
  );
}

export function Steps({ steps }: { steps: readonly string[] }) {
  if (steps.length === 0) return null;
  return (
    <div className={styles.steps}>
      <p>{words.whatToDo}</p>
      <ul>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ul>
    </div>
  );
}
