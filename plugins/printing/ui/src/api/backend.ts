/** Which service is behind the gateway's routes, told by `GET /me`: its own printers, or a FluxPrint service, which has one
 * printer, whose routes name none. */
import type { Of } from "./types";

export type Backend = Of<"MeView">["backend"];

let backend: Backend = "native";

export function setBackend(told: Backend): void {
  backend = told;
}

export function isProxied(): boolean {
  return backend === "fluxprint";
}

/** The path of a printer's route: `printerPath("ender", "camera/stream")`. */
export function printerPath(printer: string, rest: string): string {
  return isProxied()
    ? `/api/printing/${rest}`
    : `/api/printing/printers/${encodeURIComponent(printer)}/${rest}`;
}
