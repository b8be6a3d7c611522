import { X } from "lucide-react";
import { IconButton, Notice } from "@/design";
import { text } from "@/text";
import { useWantedPrinter } from "./useWantedPrinter";

/** Says for which printer a file is chosen, if for one. */
export function ForPrinter() {
  const [printer, forget] = useWantedPrinter();
  return printer ? (
    <Notice
      actions={
        <IconButton label={text.files.forAny} onClick={forget}>
          <X aria-hidden />
        </IconButton>
      }
    >
      {text.files.forPrinter(printer)}
    </Notice>
  ) : null;
}
