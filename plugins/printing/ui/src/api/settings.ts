/** The printers' settings: what printing admins may see and change. */
import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { api, ok } from "./client";
import { body, type Of } from "./types";

export type PrinterEntry = Of<"PrinterEntryView">;
export type Driver = Of<"DriverView">;
export type Trial = Of<"TrialView">;

/** What would stand in the configuration: whatever the printer's kind has. */
export type Settings = Record<string, unknown>;

export const driversQuery = queryOptions({
  queryKey: ["printer-drivers"],
  queryFn: async () => (await ok(api.GET("/api/printing/printer-drivers"))).drivers,
  staleTime: Number.POSITIVE_INFINITY,
});

export const entriesQuery = queryOptions({
  queryKey: ["printer-settings"],
  queryFn: async () => (await ok(api.GET("/api/printing/printer-settings"))).printers,
});

/** What was read of printers is old now. */
export async function changed(queries: QueryClient): Promise<void> {
  await Promise.all(
    ["printer-settings", "me", "options"].map((key) => queries.invalidateQueries({ queryKey: [key] })),
  );
}

const sent = (settings: Settings) => settings as Record<string, never>;

export function addPrinter(name: string, settings: Settings, isDefault: boolean): Promise<PrinterEntry> {
  return ok(
    api.POST("/api/printing/printer-settings", {
      body: { name, settings: sent(settings), enabled: true, default: isDefault },
    }),
  );
}

export function changePrinter(
  name: string,
  settings: Settings,
  revision: number | null,
): Promise<PrinterEntry> {
  return ok(
    api.PUT("/api/printing/printer-settings/{printer}", {
      params: { path: { printer: name } },
      body: { settings: sent(settings), revision },
    }),
  );
}

export function switchPrinter(
  name: string,
  change: { enabled?: boolean; default?: boolean },
): Promise<PrinterEntry> {
  return ok(
    api.PATCH("/api/printing/printer-settings/{printer}", {
      params: { path: { printer: name } },
      body: body(change),
    }),
  );
}

export function removePrinter(name: string): Promise<unknown> {
  return ok(api.DELETE("/api/printing/printer-settings/{printer}", { params: { path: { printer: name } } }));
}

/** Whether a printer can be used: one that is kept, or with settings that aren't yet. */
export function tryPrinter(name: string | null, settings: Settings | null): Promise<Trial> {
  return ok(
    api.POST("/api/printing/printer-test", {
      body: { name, settings: settings && sent(settings) },
    }),
  );
}
