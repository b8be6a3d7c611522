/** The one printer behind a FluxPrint service, which tells nothing by itself, as if it were one of the gateway's own. */
import { api, ok } from "@/api/client";
import type { Of, PrinterView } from "@/api/types";

/** As which grants name it. */
export const NAME = "fluxprint";

type Flags = Of<"StateFlags">;

/** Ask how it is. Rejects with a `Problem`. */
export async function readPrinters(): Promise<PrinterView[]> {
  const [status, job] = await Promise.all([
    ok(api.GET("/api/printing/status")),
    ok(api.GET("/api/printing/job")).catch(() => null),
  ]);
  return [
    {
      name: NAME,
      driver: "fluxprint",
      default: true,
      ...said(status.state),
      observedAt: Date.now() / 1000,
      stale: status.stale ?? false,
      age: 0,
      error: status.error ?? null,
      temperature: status.temperature,
      job: null,
      progress: job?.progress.completion ?? null,
      timeLeft: job?.progress.printTimeLeft ?? null,
      outcomeUnknown: false,
      capabilities: [],
      model: null,
      groups: [],
      nozzle: null,
      materials: [],
      buildVolume: null,
      bounds: { hotend: 0, bed: 0 },
      allowedGcode: [],
      autoStart: false,
      bed: {
        clear: true,
        gate: false,
        reason: null,
        jobId: null,
        since: null,
        clearedBy: null,
        clearedAt: null,
      },
      material: { type: null, color: null, grams: null },
      usedSeconds: 0,
    },
  ];
}

/** A service may say its state in a word. */
function said(state: Of<"StateView"> | string): { status: string; text: string } {
  if (typeof state === "string") return { status: WORDS[state.toLowerCase()] ?? "idle", text: state };
  return { status: statusOf(state.flags), text: state.text };
}

const WORDS: Record<string, string> = {
  printing: "printing",
  pausing: "pausing",
  paused: "paused",
  cancelling: "cancelling",
  error: "error",
  offline: "offline",
  closed: "offline",
};

function statusOf(flags: Partial<Flags>): string {
  if (flags.cancelling) return "cancelling";
  if (flags.pausing) return "pausing";
  if (flags.paused) return "paused";
  if (flags.printing) return "printing";
  if (flags.error) return "error";
  return flags.operational ? "idle" : "offline";
}
