import { CircleCheck, CircleSlash, CircleX } from "lucide-react";
import type { JobItem } from "@/api/types";
import { Badge, type Tone } from "@/design";
import { text } from "@/text";

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  completed: ["good", CircleCheck],
  failed: ["bad", CircleX],
  canceled: ["idle", CircleSlash],
};

/** How a print ended. */
export function ResultBadge({ job }: { job: Pick<JobItem, "status"> }) {
  const [tone, Picture] = LOOKS[job.status] ?? ["idle", CircleSlash];
  return (
    <Badge tone={tone} icon={<Picture aria-hidden />}>
      {text.history.results[job.status] ?? job.status}
    </Badge>
  );
}
