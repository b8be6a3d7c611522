import { ArrowDown, ArrowUp, MoreHorizontal, Printer } from "lucide-react";
import { Link } from "wouter";
import { type FileSort, useMetadata } from "@/api/files";
import type { FileItem } from "@/api/types";
import { Thumbnail } from "@/cards/gcode/Thumbnail";
import { Button, Card, IconButton, Menu } from "@/design";
import { format, text } from "@/text";
import styles from "./FileTable.module.css";
import type { useFileActions } from "./useFileActions";

const words = text.files;
type Column = "name" | "size" | "date";
type Actions = ReturnType<typeof useFileActions>;

interface Props {
  files: FileItem[];
  sort: FileSort;
  onSort: (sort: FileSort) => void;
  actions: Actions;
}

/** Files, one a line. */
export function FileTable({ files, sort, onSort, actions }: Props) {
  const head = (column: Column, first: FileSort) => (
    <SortHead column={column} first={first} sort={sort} onSort={onSort} />
  );
  return (
    <Card flush>
      <table className={styles.table}>
        <caption className="visually-hidden">{words.title}</caption>
        <thead>
          <tr>
            {head("name", "name")}
            <th scope="col">{words.columns.time}</th>
            <th scope="col">{words.columns.filament}</th>
            <th scope="col">{words.columns.layers}</th>
            {head("size", "-size")}
            {head("date", "-date")}
            <th scope="col">
              <span className="visually-hidden">{words.columns.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {files.map((file) => (
            <Row key={file.name} file={file} actions={actions} />
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function SortHead({
  column,
  first,
  sort,
  onSort,
}: Omit<Props, "files" | "actions"> & { column: Column; first: FileSort }) {
  const isUp = sort === column;
  const isDown = sort === `-${column}`;
  const other: FileSort = isUp ? `-${column}` : column;
  return (
    <th scope="col" aria-sort={isUp ? "ascending" : isDown ? "descending" : undefined}>
      <button type="button" className={styles.sort} onClick={() => onSort(isUp || isDown ? other : first)}>
        {words.columns[column]}
        {isUp && <ArrowUp aria-hidden />}
        {isDown && <ArrowDown aria-hidden />}
      </button>
    </th>
  );
}

function Row({ file, actions }: { file: FileItem; actions: Actions }) {
  const says = useMetadata(file);
  return (
    <tr>
      <th scope="row">
        <div className={styles.file}>
          <div className={styles.picture}>
            <Thumbnail file={file} has={says.thumbnail !== null} size={128} />
          </div>
          <div className={styles.words}>
            <Link href={actions.pageOf(file.name)} className={styles.name} title={file.name}>
              {file.name}
            </Link>
            <p className={styles.about}>
              {says.analysed ? (says.printerModel ?? says.slicer ?? "") : words.reading}
            </p>
          </div>
        </div>
      </th>
      <td>{format.duration(says.estimatedTime)}</td>
      <td>
        {format.grams(says.filamentGrams)}
        {says.material && <p className={styles.about}>{says.material}</p>}
      </td>
      <td>{says.layers === null ? format.NOTHING : format.count(says.layers)}</td>
      <td>{format.bytes(file.size)}</td>
      <td>
        <time dateTime={new Date(file.date * 1000).toISOString()} title={format.moment(file.date * 1000)}>
          {format.ago(file.date * 1000)}
        </time>
      </td>
      <td>
        <div className={styles.actions}>
          {actions.can && (
            <Button
              icon={<Printer aria-hidden />}
              aria-label={words.actions.printOne(file.name)}
              onClick={() => actions.print(file.name)}
            >
              {words.actions.print}
            </Button>
          )}
          <Menu
            trigger={
              <IconButton label={words.actions.more(file.name)}>
                <MoreHorizontal aria-hidden />
              </IconButton>
            }
            choices={actions.choices(file.name)}
          />
        </div>
      </td>
    </tr>
  );
}
