/** What is so now, told by the gateway as it changes. */
export { type Following, follow } from "./connection";
export { type LinkState, useJobOf, useLive, usePrinter, usePrinterNames } from "./store";
export { remember, type Series, seriesOf, watch } from "./temperatures";
