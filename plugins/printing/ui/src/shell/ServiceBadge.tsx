import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, CloudOff, TriangleAlert } from "lucide-react";
import { Link } from "wouter";
import { Problem } from "@/api/problem";
import { healthQuery } from "@/api/queries";
import { Badge, Tip, type Tone } from "@/design";
import { text } from "@/text";
import styles from "./ServiceBadge.module.css";

const LOOKS: Record<"ok" | "degraded" | "unavailable" | "away", [Tone, typeof CircleCheck]> = {
  ok: ["good", CircleCheck],
  degraded: ["warn", TriangleAlert],
  unavailable: ["bad", CircleX],
  away: ["bad", CloudOff],
};

/** Whether all is well with the gateway, in a word; more of it is a click away. Nothing for those whom it isn't told. */
export function ServiceBadge() {
  const { data, error } = useQuery(healthQuery);
  const status = error ? Problem.from(error).status : null;
  if (status === 401 || status === 403 || (!data && !error)) return null;
  const is = error || !data ? "away" : data.status;
  const [tone, Picture] = LOOKS[is];
  return (
    <Tip text={text.health.overall[is]}>
      <Link href="/health" className={styles.link ?? ""}>
        <Badge tone={tone} icon={<Picture aria-hidden />}>
          {text.health.badge[is]}
          <span className="visually-hidden">{text.health.badge.more}</span>
        </Badge>
      </Link>
    </Tip>
  );
}
