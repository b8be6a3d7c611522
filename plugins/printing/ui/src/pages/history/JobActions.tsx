import { EllipsisVertical, FolderInput } from "lucide-react";
import { useState } from "react";
import { useCan } from "@/api/queries";
import type { JobItem } from "@/api/types";
import { IconButton, Menu } from "@/design";
import { text } from "@/text";
import { LinkDialog } from "./LinkDialog";

const words = text.history;

/** What can be done with a job that ended; nothing is shown to those who may not. */
export function JobActions({ job }: { job: JobItem }) {
  const can = useCan();
  const [isLinking, setLinking] = useState(false);
  const mayLink = job.printerName ? can("operator", { printer: job.printerName }) : can("operator", "any");
  const canLink = mayLink && !job.projectId;
  if (!canLink) return null;
  return (
    <>
      <Menu
        trigger={
          <IconButton label={words.actionsOf(job.fileName)}>
            <EllipsisVertical aria-hidden />
          </IconButton>
        }
        choices={[
          canLink
            ? {
                label: words.link.action,
                icon: <FolderInput aria-hidden />,
                onSelect: () => setLinking(true),
              }
            : null,
        ]}
      />
      {isLinking && <LinkDialog job={job} onClose={() => setLinking(false)} />}
    </>
  );
}
