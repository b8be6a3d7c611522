import { useSearchParams } from "wouter";
import type { FileSort } from "@/api/files";
import { text } from "@/text";

export const PAGE = 24;

export interface Choice {
  search: string;
  sort: FileSort;
  /** The first is 1. */
  page: number;
}

/** Which files are shown: in the address, so that a link and the way back lead to the same. */
export function useChoice(): [Choice, (to: Partial<Choice>) => void] {
  const [query, setQuery] = useSearchParams();
  const sort = query.get("sort") ?? "";
  const page = Number.parseInt(query.get("page") ?? "", 10);
  const choice: Choice = {
    search: query.get("q") ?? "",
    sort: (sort in text.files.sorts ? sort : "-date") as FileSort,
    page: page >= 1 && page <= 40_000 ? page : 1,
  };
  const choose = (to: Partial<Choice>) => {
    const next = { ...choice, page: 1, ...to };
    setQuery(
      (before) => {
        const after = new URLSearchParams(before);
        for (const [name, value, usual] of [
          ["q", next.search, ""],
          ["sort", next.sort, "-date"],
          ["page", String(next.page), "1"],
        ] as const) {
          if (value === usual) after.delete(name);
          else after.set(name, value);
        }
        return after;
      },
      { replace: to.page === undefined },
    );
  };
  return [choice, choose];
}
