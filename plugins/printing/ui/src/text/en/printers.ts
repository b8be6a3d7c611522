import type { PrinterView } from "@/api/types";

/** Printers: what they do, and what can be done with them. */
export const printers = {
  status: {
    idle: "Ready",
    printing: "Printing",
    pausing: "Pausing",
    paused: "Paused",
    resuming: "Resuming",
    cancelling: "Stopping",
    finishing: "Finishing",
    error: "Error",
    offline: "Offline",
    connecting: "Connecting",
    bed: "Clear the bed",
    held: "Needs a decision",
    stale: "Silent",
  } as Record<string, string>,
  cameraOf: (name: string) => `Camera of ${name}`,
  noPicture: "No picture",
  somePrint: "A print that was started elsewhere",
  progressOf: (name: string) => `Progress of ${name}`,
  left: (time: string, end: string) => `${time} left · ${end}`,
  /** What a printer without a print is waiting for. */
  waits: (standing: string, printer: PrinterView): string => {
    switch (standing) {
      case "idle":
        return printer.autoStart ? "Takes the next job that fits." : "Starts what somebody gives it.";
      case "bed":
        return "Take the print off, then say that the bed is clear.";
      case "held":
        return "It isn't known what became of its last print. Somebody has to look and say.";
      case "offline":
        return printer.error ?? "It doesn't answer.";
      case "stale":
        return "It hasn't answered for a while; this is how it last was.";
      case "error":
        return printer.error ?? printer.text;
      default:
        return printer.text;
    }
  },
  heaters: { tool0: "Hotend", bed: "Bed", chamber: "Chamber", tool1: "Hotend 2" } as Record<string, string>,
};
