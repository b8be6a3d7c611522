import { useSearchParams } from "wouter";
import { useCan, useIsNative } from "@/api/queries";
import { useLive } from "@/live";

/** The printer that a file is chosen for, as its page's link has it in the address, and how to choose for none; null if
 * it isn't one that the caller may print on. */
export function useWantedPrinter(): [string | null, () => void] {
  const [query, setQuery] = useSearchParams();
  const can = useCan();
  const isNative = useIsNative();
  const name = query.get("printer") ?? "";
  const isThere = useLive((s) => s.printers[name] !== undefined);
  const forget = () =>
    setQuery(
      (before) => {
        const after = new URLSearchParams(before);
        after.delete("printer");
        return after;
      },
      { replace: true },
    );
  return [isNative && isThere && can("operator", { printer: name }) ? name : null, forget];
}
