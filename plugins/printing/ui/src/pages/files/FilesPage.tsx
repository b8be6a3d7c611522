import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight, FileBox, Search, SearchX, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { type FileSort, filesQuery } from "@/api/files";
import { Problem } from "@/api/problem";
import { Button, Empty, Failed, IconButton, Loading, Notice, SelectField, TextField } from "@/design";
import { Page } from "@/shell/Page";
import { format, text } from "@/text";
import { DropZone } from "./DropZone";
import { InUseQuestion, useHidden } from "./deleting";
import { FileGrid } from "./FileGrid";
import styles from "./FilesPage.module.css";
import { FileTable } from "./FileTable";
import { ForPrinter } from "./ForPrinter";
import { Storage } from "./Storage";
import { UploadButton } from "./UploadButton";
import { type Choice, PAGE, useChoice } from "./useChoice";
import { useFileActions } from "./useFileActions";
import { useWide } from "./useWide";

const words = text.files;

/** What can be printed: everything that was uploaded. */
export default function FilesPage() {
  const [choice, choose] = useChoice();
  const { search, sort, page } = choice;
  const files = useQuery(filesQuery({ search, sort, limit: PAGE, offset: (page - 1) * PAGE }));
  const actions = useFileActions();
  const isWide = useWide();
  const hidden = useHidden();
  const shown = files.data?.files.filter(({ name }) => !hidden.has(name)) ?? [];
  // what is about to be deleted is neither shown nor counted
  const count = files.data ? files.data.count - (files.data.files.length - shown.length) : 0;
  return (
    <Page
      title={words.title}
      about={
        files.data && (
          <span className={styles.count} role="status">
            {search ? words.found(count, search) : words.count(count)}
          </span>
        )
      }
      actions={actions.can && <UploadButton />}
    >
      {actions.can && <DropZone />}
      <ForPrinter />
      {files.data && <Storage files={files.data} />}
      <Tools choice={choice} choose={choose} />
      {files.error && files.data && <Notice tone="warn">{Problem.from(files.error).message}</Notice>}
      {files.error && !files.data ? (
        <Failed error={files.error} onRetry={() => files.refetch()} />
      ) : !files.data ? (
        <Loading lines={8} />
      ) : shown.length > 0 ? (
        <div className={files.isPlaceholderData ? styles.old : undefined}>
          {isWide ? (
            <FileTable
              files={shown}
              sort={sort}
              onSort={(next) => choose({ sort: next })}
              actions={actions}
            />
          ) : (
            <FileGrid files={shown} actions={actions} />
          )}
        </div>
      ) : search ? (
        <Empty
          icon={<SearchX aria-hidden />}
          title={words.nothingFound}
          actions={<Button onClick={() => choose({ search: "" })}>{words.clearSearch}</Button>}
        >
          {words.nothingFoundAbout}
        </Empty>
      ) : page > 1 ? (
        <Empty
          icon={<FileBox aria-hidden />}
          title={words.pageEmpty}
          actions={<Button onClick={() => choose({ page: 1 })}>{words.firstPage}</Button>}
        />
      ) : (
        <Empty icon={<FileBox aria-hidden />} title={words.empty.title}>
          {actions.can ? words.empty.about : words.empty.viewer}
        </Empty>
      )}
      {count > PAGE && <Pages page={page} count={count} onPage={(next) => choose({ page: next })} />}
      {actions.dialogs}
      <InUseQuestion />
    </Page>
  );
}

const TYPING_MS = 250;

function Tools({ choice, choose }: { choice: Choice; choose: (to: Partial<Choice>) => void }) {
  const [typed, setTyped] = useState(choice.search);
  const [search, setSearch] = useState(choice.search);
  if (search !== choice.search) {
    // the address changed by other means: the way back, a button
    setSearch(choice.search);
    setTyped(choice.search);
  }
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (next: string, after: number) => {
    setTyped(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      setSearch(next.trim());
      choose({ search: next.trim() });
    }, after);
  };
  return (
    <div className={styles.tools}>
      <div className={styles.search}>
        <Search aria-hidden />
        <TextField
          label={words.search}
          bare
          type="text"
          role="searchbox"
          enterKeyHint="search"
          autoComplete="off"
          maxLength={255}
          placeholder={words.search}
          value={typed}
          onChange={(event) => type(event.target.value, TYPING_MS)}
        />
        {typed && (
          <IconButton label={words.clearSearch} onClick={() => type("", 0)}>
            <X aria-hidden />
          </IconButton>
        )}
      </div>
      <SelectField
        label={words.sort}
        bare
        value={choice.sort}
        onChange={(event) => choose({ sort: event.target.value as FileSort })}
      >
        {Object.entries(words.sorts).map(([sort, label]) => (
          <option key={sort} value={sort}>
            {label}
          </option>
        ))}
      </SelectField>
    </div>
  );
}

function Pages({ page, count, onPage }: { page: number; count: number; onPage: (page: number) => void }) {
  const first = (page - 1) * PAGE + 1;
  const last = Math.min(count, page * PAGE);
  return (
    <nav className={styles.pages} aria-label={words.pages}>
      <IconButton label={words.before} disabled={page <= 1} onClick={() => onPage(page - 1)}>
        <ChevronLeft aria-hidden />
      </IconButton>
      <span>
        {words.range(format.count(Math.min(first, count)), format.count(last), format.count(count))}
      </span>
      <IconButton label={words.after} disabled={last >= count} onClick={() => onPage(page + 1)}>
        <ChevronRight aria-hidden />
      </IconButton>
    </nav>
  );
}
