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
  const choose = (to: Partial<Choice>) => {
    setQuery(
      (before) => {
        const next = { ...choiceIn(before), page: 1, ...to };
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
  return [choiceIn(query), choose];
}

function choiceIn(query: URLSearchParams): Choice {
  const sort = query.get("sort") ?? "";
  const page = Number.parseInt(query.get("page") ?? "", 10);
  return {
    search: query.get("q") ?? "",
    sort: (Object.hasOwn(text.files.sorts, sort) ? sort : "-date") as FileSort,
    page: page >= 1 && page <= 40_000 ? page : 1,
  };
}
