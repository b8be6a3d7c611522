/** What is asked of one printer, and what it is told. */
import { queryOptions } from "@tanstack/react-query";
import { isProxied } from "./backend";
import { api, ok } from "./client";
import { body, type LiveJob, type Of } from "./types";

const at = (printer: string) => ({ params: { path: { printer } } });

/** How warm it was in the last 15 minutes. Asked anew each time a chart is opened: what came since isn't known then. */
export const temperatureHistoryQuery = (printer: string) =>
  queryOptions({
    queryKey: ["printers", printer, "temperatures"],
    queryFn: () => ok(api.GET("/api/printing/printers/{printer}/temperature/history", at(printer))),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });

/** What its camera does, from the gateway's memory. */
export const cameraQuery = (printer: string) =>
  queryOptions({
    queryKey: ["printers", printer, "camera"],
    queryFn: () =>
      isProxied()
        ? ok(api.GET("/api/printing/camera"))
        : ok(api.GET("/api/printing/printers/{printer}/camera", at(printer))),
    // how many pictures come isn't known at once
    refetchInterval: ({ state }) => (state.data?.fps ? 10_000 : 2_000),
  });

/** One picture, as it is now. */
export function snapshot(printer: string): Promise<Blob> {
  const asked = isProxied()
    ? api.GET("/api/printing/camera/snapshot", { parseAs: "blob" })
    : api.GET("/api/printing/printers/{printer}/camera/snapshot", { ...at(printer), parseAs: "blob" });
  return ok<unknown>(asked) as Promise<Blob>;
}

export const pausePrint = (printer: string) =>
  ok(api.POST("/api/printing/printers/{printer}/job/pause", at(printer)));

export const resumePrint = (printer: string) =>
  ok(api.POST("/api/printing/printers/{printer}/job/resume", at(printer)));

export const cancelPrint = (printer: string) =>
  ok(api.POST("/api/printing/printers/{printer}/job/cancel", at(printer)));

export const clearBed = (printer: string) =>
  ok(api.POST("/api/printing/printers/{printer}/bed-clear", at(printer)));

/** `target` in °C; 0 is off. */
export const heat = (printer: string, heater: string, target: number) =>
  ok(api.POST("/api/printing/printers/{printer}/temperature", { ...at(printer), body: { heater, target } }));

export type Axis = "x" | "y" | "z";

export const home = (printer: string, axes: Axis[]) =>
  ok(api.POST("/api/printing/printers/{printer}/home", { ...at(printer), body: { axes } }));

/** By so many mm. */
export const jog = (printer: string, axis: Axis, distance: number) =>
  ok(
    api.POST("/api/printing/printers/{printer}/jog", {
      ...at(printer),
      body: body<Of<"Jog">>({ [axis]: distance }),
    }),
  );

export const sendGcode = (printer: string, commands: string[]) =>
  ok(api.POST("/api/printing/printers/{printer}/gcode", { ...at(printer), body: { commands } }));

export const setAutoStart = (printer: string, autoStart: boolean) =>
  ok(api.PATCH("/api/printing/printers/{printer}", { ...at(printer), body: { autoStart } }));

export const loadMaterial = (printer: string, spool: Of<"MaterialView">) =>
  ok(api.PUT("/api/printing/printers/{printer}/material", { ...at(printer), body: spool }));

/** Say what became of a job that nobody knows the end of. `none`: it never started. */
export async function settle(
  job: Pick<LiveJob, "id" | "fluxprint_queue_id">,
  became: "completed" | "failed" | "none",
): Promise<void> {
  if (became !== "none") {
    const change = body<Of<"StatusChange">>({ status: became });
    await ok(
      api.PATCH("/api/printing/jobs/{job_id}/status", { params: { path: { job_id: job.id } }, body: change }),
    );
  } else if (job.fluxprint_queue_id !== null) {
    await ok(
      api.DELETE("/api/printing/queue/{queue_id}", {
        params: { path: { queue_id: job.fluxprint_queue_id } },
      }),
    );
  }
}
