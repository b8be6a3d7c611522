import type { components } from "./schema";

type Schemas = components["schemas"];

/** What the gateway says, by the names it gives it: `Of<"PrinterView">`. */
export type Of<Name extends string> = `printing.${Name}` extends keyof Schemas
  ? Schemas[`printing.${Name}`]
  : `gateway.${Name}` extends keyof Schemas
    ? Schemas[`gateway.${Name}`]
    : Name extends keyof Schemas
      ? Schemas[Name]
      : never;

export type PrinterView = Of<"PrinterView">;
export type QueueItem = Of<"QueueItem">;
export type QueueView = Of<"QueueView">;
export type JobItem = Of<"JobItem">;
/** A job as the event stream tells it: its row's columns, and nothing that is worked out of others. */
export type LiveJob = Pick<
  JobItem,
  | "id"
  | "project_id"
  | "file_id"
  | "fluxprint_queue_id"
  | "file_name"
  | "status"
  | "state_detail"
  | "outcome_unknown"
  | "progress"
  | "position"
  | "priority"
  | "copies"
  | "copy_number"
  | "queued_at"
  | "started_at"
  | "completed_at"
  | "canceled_at"
  | "estimated_time"
  | "actual_time"
  | "printer_name"
  | "printer_status"
  | "material_type"
  | "material_color"
  | "material_used"
  | "error_message"
  | "notes"
  | "created_by"
  | "batch_id"
  | "on_hold"
  | "hold_reason"
  | "target_printer"
  | "requirements"
>;
export type FileItem = Of<"FileItem">;
export type FileView = Of<"FileView">;

export type Role = "viewer" | "operator" | "admin";

/** A body of which the gateway fills in what is left out. */
export function body<T>(given: Partial<T>): T {
  return given as T;
}
