import { CloudOff, LoaderCircle, Lock, Radio, RefreshCw } from "lucide-react";
import { useIsNative } from "@/api/queries";
import { Badge, Tip, type Tone } from "@/design";
import { type LinkState, useLive } from "@/live";
import { text } from "@/text";

const LOOKS: Record<LinkState, [Tone, typeof Radio]> = {
  connecting: ["idle", LoaderCircle],
  live: ["good", Radio],
  polling: ["warn", RefreshCw],
  away: ["bad", CloudOff],
  refused: ["warn", Lock],
};

/** Whether what the page shows is so now. */
export function LinkBadge() {
  const link = useLive((s) => s.link);
  const isNative = useIsNative();
  const [tone, Picture] = LOOKS[link];
  const isUsual = link === "polling" && !isNative;
  return (
    <Tip text={isUsual ? text.link.asked : text.link.about[link]}>
      <span role="status">
        <Badge tone={isUsual ? "good" : tone} icon={<Picture aria-hidden />}>
          {text.link[link]}
        </Badge>
      </span>
    </Tip>
  );
}
