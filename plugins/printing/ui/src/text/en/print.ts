/** The dialog that prints a file. */
export const print = {
  title: "Print a file",
  layers: (count: string) => `${count} layers`,
  noPicture: "No picture in this file",
  nobody: "You may look, and not print. Whoever runs the gateway can give you the role operator.",

  copies: "Copies",
  copiesHint: "Each is a job of its own.",
  copiesWrong: "A whole number from 1 to 100.",
  material: "Material",
  materialOfFile: (material: string | null) => (material ? `${material} (as sliced)` : "As the file says"),
  materialOther: (sliced: string) => `It was sliced for ${sliced}: are the temperatures right?`,
  quality: "Quality",
  qualities: { draft: "Draft", standard: "Standard", high: "High", ultra: "Ultra" } as Record<string, string>,
  qualityHint: "A note of what it was sliced with: it changes nothing in the print.",
  priority: "Priority",
  priorities: { urgent: "Urgent", high: "High", normal: "Normal", low: "Low" } as Record<string, string>,
  priorityValue: (word: string, value: number) => `${word} (${value})`,

  target: "Printer",
  any: "Any printer that fits",
  anyHint: (fit: number, all: number) =>
    fit === 0
      ? "None fits as they are: it waits until one does."
      : fit === all
        ? all === 1
          ? "The one there is fits."
          : `All ${all} fit: whichever is free first.`
        : `${fit} of ${all} fit: whichever is free first.`,
  fits: "Fits.",
  willWait: (printer: string) => `The job will wait until ${printer} fits.`,
  needs: {
    group: (group: string) => `group ${group}`,
    nozzle: (nozzle: string) => `nozzle ${nozzle}`,
  },
  lacks: {
    model: (needed: string, has: string | null) =>
      has ? `Needs the model ${needed}; it is ${has}.` : `Needs the model ${needed}.`,
    group: (needed: string) => `Needs a printer of the group ${needed}.`,
    nozzle: (needed: string, has: string) => `Needs a nozzle of ${needed}; it has ${has}.`,
    loaded: (needed: string, has: string) => `Needs ${needed}; ${has} is loaded.`,
    material: (needed: string, known: string) => `Needs ${needed}; it prints ${known}.`,
    filament: (needed: string, left: string) => `Needs ${needed} of filament; ${left} are left.`,
    size: (needed: string, room: string) => `The print is ${needed}; there is room for ${room}.`,
  },

  when: "When",
  queue: "In its turn",
  queueHint: "By itself on printers that take jobs; else somebody starts it.",
  now: "At once",
  nowHint: "If the printer is free now. If not, it waits in the queue.",
  hold: "On hold",
  holdHint: "It keeps its place, and nobody prints it until it is released.",

  estimate: "Estimate",
  estimating: "Estimating…",
  estimateFor: (copies: number) => (copies === 1 ? "for one copy" : `for ${copies} copies`),
  between: (low: string, high: string) => `${low} to ${high}`,
  confidence: { high: "Good estimate.", low: "Rough guess." },
  filament: "Filament",
  cost: "Cost",
  noEstimate: "No estimate",

  submit: { queue: "Add to queue", now: "Print", hold: "Add on hold" },
  queued: (name: string, copies: number) =>
    copies === 1 ? `${name} is in the queue` : `${copies} × ${name} in the queue`,
  started: (name: string) => `${name} is being printed`,
  waits: (why: string) => `It doesn't start yet. ${why}`,
  toQueue: "Queue",
};
