import type { JobItem } from "@/api/types";
import { text } from "@/text";

type Column = keyof typeof text.history.csv.columns;

const VALUES: Record<Column, (job: JobItem, currency: string) => string | number | null> = {
  id: (job) => job.id,
  file: (job) => job.fileName,
  result: (job) => job.status,
  printer: (job) => job.printerName,
  project: (job) => job.projectName,
  project_id: (job) => job.projectId,
  queued: (job) => job.queuedAt,
  started: (job) => job.startedAt,
  ended: (job) => job.completedAt,
  seconds: (job) => job.durationSeconds,
  estimated: (job) => job.estimatedTime,
  material: (job) => job.materialType,
  color: (job) => job.materialColor,
  grams: (job) => job.materialUsed,
  cost: (job) => job.cost,
  currency: (_, currency) => currency,
  error: (job) => job.errorMessage,
};

/** RFC 4180, a job a row: times as the gateway has them (UTC), seconds, grams. */
export function csvOf(jobs: readonly JobItem[], currency: string): string {
  const columns = Object.keys(text.history.csv.columns) as Column[];
  const rows = jobs.map((job) => columns.map((column) => cell(VALUES[column](job, currency))));
  const head = columns.map((column) => text.history.csv.columns[column]);
  return [head, ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  // a spreadsheet would take it for a formula and carry it out
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** Have the browser keep a text as a file. */
export function save(name: string, content: string): void {
  // with a byte order mark, or Excel takes it for another encoding
  const url = URL.createObjectURL(new Blob(["\ufeff", content], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
