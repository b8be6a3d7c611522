import { ChevronLeft, ChevronRight, ChevronsLeft } from "lucide-react";
import { type HistoryList, PAGE_SIZE } from "@/api/history";
import { IconButton } from "@/design";
import { text } from "@/text";
import styles from "./History.module.css";

const words = text.history.pages;

/** Where in the list one is. Past what is counted one goes on as long as pages are full. */
export function Pager({
  list,
  page,
  onPage,
}: {
  list: HistoryList;
  page: number;
  onPage: (page: number) => void;
}) {
  const first = (page - 1) * PAGE_SIZE + 1;
  const last = first + list.jobs.length - 1;
  const isLast = list.isCapped ? list.jobs.length < PAGE_SIZE : last >= list.total;
  if (page === 1 && isLast) return null;
  return (
    <nav className={styles.pager} aria-label={words.label}>
      <span>{words.of(first, last, text.history.total(list.total, list.isCapped))}</span>
      <IconButton label={words.first} disabled={page === 1} onClick={() => onPage(1)}>
        <ChevronsLeft aria-hidden />
      </IconButton>
      <IconButton label={words.previous} disabled={page === 1} onClick={() => onPage(page - 1)}>
        <ChevronLeft aria-hidden />
      </IconButton>
      <IconButton label={words.next} disabled={isLast} onClick={() => onPage(page + 1)}>
        <ChevronRight aria-hidden />
      </IconButton>
    </nav>
  );
}
