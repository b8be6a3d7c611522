/** What went wrong, in a person's words, by the gateway's codes; the sentence comes from the gateway. */
export const problems: {
  title: string;
  unreachable: string;
  unknown: (status: number) => string;
  titles: Record<string, string>;
  statuses: Record<number, string>;
  steps: Record<string, readonly string[]>;
  away: readonly string[];
} = {
  title: "That didn't work",
  unreachable: "The gateway doesn't answer. It may be restarting, or this device may have no connection.",
  unknown: (status) => `The gateway answered with status ${status} and no explanation.`,
  titles: {
    UNREACHABLE: "No connection to the gateway",
    PRINTER_OFFLINE: "The printer is offline",
    PRINTER_BUSY: "The printer is busy",
    PRINTER_ERROR: "The printer reports an error",
    PRINTER_HELD: "The printer waits for a decision",
    PRINTER_STATE: "Not possible right now",
    PRINTER_REJECTED: "The printer refused",
    PRINTER_OUTCOME_UNKNOWN: "Not clear whether it took effect",
    PRINTER_UNFIT: "This printer can't print that",
    PRINTER_NOT_FOUND: "There is no such printer",
    BED_NOT_CLEAR: "The bed isn't clear",
    JOB_ON_HOLD: "The job is on hold",
    FILE_IN_USE: "The file is still needed",
    FILE_NAME_TAKEN: "Somebody else has a file of that name",
    QUOTA_EXCEEDED: "Your storage is full",
    STORAGE_FULL: "The storage is full",
    PRINTING_SERVICE_DISABLED: "Printing is switched off",
    PRINTING_SERVICE_UNAVAILABLE: "The printing service is down",
    SECRET_NEEDED: "The key has to be entered again",
  },
  statuses: {
    400: "That isn't right yet",
    401: "Please sign in",
    403: "You may not do this",
    404: "It isn't there",
    409: "Not possible right now",
    413: "Too large",
    429: "Too many requests",
    502: "The printing service answered badly",
    503: "Not available right now",
    504: "No answer in time",
    507: "The storage is full",
  },
  steps: {
    UNREACHABLE: [
      "Check this device's connection.",
      "See whether the gateway runs: its log says why it ended.",
    ],
    PRINTER_OFFLINE: [
      "Is the printer switched on?",
      "Is its server (OctoPrint, Moonraker, PrusaLink) reachable?",
    ],
    PRINTING_SERVICE_DISABLED: ["Set FLUXPRINT_ENABLED to true, and restart the gateway."],
    PRINTING_SERVICE_UNAVAILABLE: [
      "See whether the printing service runs, and at the address that the gateway has.",
      "The page Health says since when it is away.",
    ],
  },
  away: ["Wait a moment and try again.", "The page Health says which part is down."],
};
