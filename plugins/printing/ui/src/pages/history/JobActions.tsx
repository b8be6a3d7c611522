import { EllipsisVertical, FolderInput, Printer } from "lucide-react";
import { useState } from "react";
import { useCan } from "@/api/queries";
import type { JobItem } from "@/api/types";
import { PrintDialog } from "@/cards/print";
import { IconButton, Menu } from "@/design";
import { text } from "@/text";
import { LinkDialog } from "./LinkDialog";
import { useFileThere } from "./parts";

const words = text.history;

/** What can be done with a job that ended; nothing is shown to those who may not. */
export function JobActions({ job }: { job: JobItem }) {
  const can = useCan();
  const isFileThere = useFileThere(job);
  const [asked, setAsked] = useState<"link" | "print" | null>(null);
  const [isPrintKnown, setPrintKnown] = useState(false);
  const mayPrint = can("operator", "any");
  const mayLink = job.printerName ? can("operator", { printer: job.printerName }) : mayPrint;
  const canLink = mayLink && !job.projectId;
  const close = () => setAsked(null);
  return (
    <>
      <Menu
        trigger={
          <IconButton label={words.actionsOf(job.fileName)}>
            <EllipsisVertical aria-hidden />
          </IconButton>
        }
        choices={[
          mayPrint
            ? {
                label: isFileThere === false ? words.againGone : words.again,
                icon: <Printer aria-hidden />,
                disabled: !isFileThere,
                onSelect: () => {
                  setPrintKnown(true);
                  setAsked("print");
                },
              }
            : null,
          canLink
            ? {
                label: words.link.action,
                icon: <FolderInput aria-hidden />,
                onSelect: () => setAsked("link"),
              }
            : null,
        ]}
      />
      {isPrintKnown && (
        <PrintDialog
          open={asked === "print"}
          onClose={close}
          filename={job.fileName}
          initial={{ material: job.materialType, printer: job.target_printer, project: job.projectId }}
        />
      )}
      {asked === "link" && <LinkDialog job={job} onClose={close} />}
    </>
  );
}
