/** Where a printer's routes are. A FluxPrint service has one printer, whose routes name none. */
let isTheOnlyOne = false;

/** Whether routes name no printer from now on. */
export function nameNoPrinter(only: boolean): void {
  isTheOnlyOne = only;
}

/** The path of a printer's route: `printerPath("ender", "camera/stream")`. */
export function printerPath(printer: string, rest: string): string {
  return isTheOnlyOne
    ? `/api/printing/${rest}`
    : `/api/printing/printers/${encodeURIComponent(printer)}/${rest}`;
}
