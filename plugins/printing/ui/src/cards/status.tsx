import {
  CircleCheck,
  CirclePause,
  CirclePlay,
  CircleX,
  HelpCircle,
  LoaderCircle,
  type LucideIcon,
  PackageOpen,
  Unplug,
  WifiOff,
} from "lucide-react";
import type { PrinterView } from "@/api/types";
import { Badge, type Tone } from "@/design";
import { text } from "@/text";

/** What a printer's state comes to for people. `bed`: done, and a print may lie on it; `held`: a person has to say what
 * became of its print; `stale`: overdue to answer. */
export type Standing =
  | "idle"
  | "printing"
  | "pausing"
  | "paused"
  | "resuming"
  | "cancelling"
  | "finishing"
  | "error"
  | "offline"
  | "connecting"
  | "bed"
  | "held"
  | "stale";

export const LOOKS: Record<Standing, [Tone, LucideIcon]> = {
  idle: ["good", CircleCheck],
  printing: ["accent", CirclePlay],
  pausing: ["warn", LoaderCircle],
  paused: ["warn", CirclePause],
  resuming: ["accent", LoaderCircle],
  cancelling: ["warn", LoaderCircle],
  finishing: ["accent", LoaderCircle],
  error: ["bad", CircleX],
  offline: ["idle", Unplug],
  connecting: ["idle", LoaderCircle],
  bed: ["warn", PackageOpen],
  held: ["bad", HelpCircle],
  stale: ["idle", WifiOff],
};

export function standing(printer: PrinterView): Standing {
  if (printer.outcomeUnknown) return "held";
  if (printer.stale && printer.status !== "offline") return "stale";
  if (printer.status === "idle" && isBlocked(printer)) return "bed";
  return printer.status in LOOKS ? (printer.status as Standing) : "error";
}

/** Nothing starts on it until somebody says that its bed is clear. */
export function isBlocked(printer: PrinterView): boolean {
  return printer.bed.gate && !printer.bed.clear;
}

const AT_WORK = new Set(["printing", "pausing", "paused", "resuming", "cancelling", "finishing"]);

/** It has a print under way. */
export function isAtWork(printer: PrinterView): boolean {
  return AT_WORK.has(printer.status);
}

export function tone(printer: PrinterView): Tone {
  return LOOKS[standing(printer)][0];
}

export function StatusBadge({ printer }: { printer: PrinterView }) {
  const is = standing(printer);
  const [color, Picture] = LOOKS[is];
  return (
    <Badge tone={color} icon={<Picture aria-hidden />}>
      {text.printers.status[is]}
    </Badge>
  );
}
