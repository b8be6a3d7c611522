export const common = {
  close: "Close",
  cancel: "Cancel",
  keep: "Never mind",
  save: "Save",
  undo: "Undo",
  retry: "Try again",
  refresh: "Refresh",
  loading: "Loading…",
  more: "More",
  newWindow: "Open in a new window",
  appName: "3D printing",
};

export const nav = {
  label: "3D printing",
  skip: "Skip to content",
  overview: "Printers",
  queue: "Queue",
  files: "Files",
  history: "History",
  settings: "Set up printers",
  health: "Health",
  account: "Account",
  theme: "Colours",
  themes: { system: "As the system", light: "Light", dark: "Dark" },
  wall: "Wall display",
};

export const link = {
  connecting: "Connecting",
  live: "Live",
  polling: "Every 5 s",
  away: "No connection",
  refused: "No access",
  asked: "FluxPrint is asked every 5 seconds.",
  about: {
    connecting: "Connecting to the gateway.",
    live: "What you see is what is so now.",
    polling: "The live connection doesn't come through; the page asks every 5 seconds.",
    away: "The gateway doesn't answer. What you see is how it last was; the page keeps trying.",
    refused: "You may not see the printers.",
  },
};
