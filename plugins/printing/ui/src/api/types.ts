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
export type FileItem = Of<"FileItem">;
export type FileView = Of<"FileView">;

export type Role = "viewer" | "operator" | "admin";

/** A body of which the gateway fills in what is left out. */
export function body<T>(given: Partial<T>): T {
  return given as T;
}
