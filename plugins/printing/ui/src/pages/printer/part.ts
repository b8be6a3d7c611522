import { useShallow } from "zustand/react/shallow";
import type { PrinterView } from "@/api/types";
import { useLive } from "@/live";

/** A part of what is known of a printer: a value, a list of values or a flat object of them. The component is drawn anew
 * only when that part changed. */
export function usePart<T>(name: string, read: (printer: PrinterView) => T): T | undefined {
  return useLive(
    useShallow((s) => {
      const printer = s.printers[name];
      return printer && read(printer);
    }),
  );
}
