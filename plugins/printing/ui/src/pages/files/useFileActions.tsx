import { Download, Eye, FolderKanban, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import { downloadOf } from "@/api/files";
import { useCan, useIsNative } from "@/api/queries";
import { PrintDialog } from "@/cards/print";
import type { Choice } from "@/design";
import { text } from "@/text";
import { useDelete } from "./deleting";
import { LinkDialog } from "./LinkDialog";
import { useWantedPrinter } from "./useWantedPrinter";

const words = text.files.actions;

function withQuery(path: string, query: Record<string, string | null | undefined>): string {
  const said = new URLSearchParams(
    Object.entries(query).filter((one): one is [string, string] => Boolean(one[1])),
  );
  return said.size ? `${path}?${said}` : path;
}

/** Save a file on this device. */
export function download(name: string): void {
  const link = document.createElement("a");
  link.href = downloadOf(name);
  link.download = name;
  link.click();
}

interface FileActions {
  /** Whether the caller may print, link and delete. */
  can: boolean;
  print: (name: string) => void;
  /** Where the list of files is. */
  list: string;
  /** Where a file's page is. */
  pageOf: (name: string, view?: "layers") => string;
  choices: (name: string, onPage?: boolean) => (Choice | null)[];
  /** Has to stand somewhere in the page. */
  dialogs: ReactNode;
}

/** What can be done with files. */
export function useFileActions(): FileActions {
  const can = useCan()("operator", "any");
  const isNative = useIsNative();
  const [, go] = useLocation();
  const deleteOne = useDelete();
  const [asked, setAsked] = useState<{ name: string; about: "print" | "link"; open: boolean } | null>(null);
  const [printer] = useWantedPrinter();
  const list = withQuery("/files", { printer });
  const pageOf = (name: string, view?: "layers") =>
    withQuery(`/files/${encodeURIComponent(name)}`, { view, printer });
  const close = () => setAsked((before) => before && { ...before, open: false });
  return {
    can,
    list,
    pageOf,
    print: (name) => setAsked({ name, about: "print", open: true }),
    choices: (name, onPage = false) => [
      onPage || !isNative
        ? null
        : { label: words.preview, icon: <Eye aria-hidden />, onSelect: () => go(pageOf(name, "layers")) },
      onPage || !isNative
        ? null
        : { label: words.download, icon: <Download aria-hidden />, onSelect: () => download(name) },
      can && isNative
        ? {
            label: words.link,
            icon: <FolderKanban aria-hidden />,
            onSelect: () => setAsked({ name, about: "link", open: true }),
          }
        : null,
      can
        ? {
            label: words.delete,
            icon: <Trash2 aria-hidden />,
            dangerous: true,
            onSelect: () => {
              deleteOne(name);
              if (onPage) go(list);
            },
          }
        : null,
    ],
    dialogs: (
      <>
        {asked?.about === "print" && (
          <PrintDialog open={asked.open} onClose={close} filename={asked.name} initial={{ printer }} />
        )}
        {asked?.about === "link" && (
          <LinkDialog key={asked.name} open={asked.open} onClose={close} name={asked.name} />
        )}
      </>
    ),
  };
}
