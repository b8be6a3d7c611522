/** `@fluxgate/printing-ui`: printers, live, as React components. Colours, type and space are CSS variables (`--fg-*`, see
 * `design/tokens.css`). */

export type { Connection } from "./api/client";
export type { JobItem, PrinterView } from "./api/types";
export { CameraStill } from "./cards/CameraStill";
export { Heat } from "./cards/Heat";
export { PrinterCard } from "./cards/PrinterCard";
export { isAtWork, isBlocked, type Standing, StatusBadge, standing } from "./cards/status";
export { Fluxgate } from "./Fluxgate";
export { type LinkState, useJobOf, useLive, usePrinter, usePrinterNames } from "./live";
