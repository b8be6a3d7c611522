import { MoreHorizontal, Printer } from "lucide-react";
import { Link } from "wouter";
import { useMetadata } from "@/api/files";
import type { FileItem } from "@/api/types";
import { Thumbnail } from "@/cards/gcode/Thumbnail";
import { Button, IconButton, Menu } from "@/design";
import { format, text } from "@/text";
import styles from "./FileGrid.module.css";
import type { useFileActions } from "./useFileActions";

const words = text.files;
type Actions = ReturnType<typeof useFileActions>;

/** Files as cards, where there is no room for a table. */
export function FileGrid({ files, actions }: { files: FileItem[]; actions: Actions }) {
  return (
    <ul className={styles.grid}>
      {files.map((file) => (
        <li key={file.name}>
          <One file={file} actions={actions} />
        </li>
      ))}
    </ul>
  );
}

function One({ file, actions }: { file: FileItem; actions: Actions }) {
  const says = useMetadata(file);
  const facts = [
    says.estimatedTime !== null && format.duration(says.estimatedTime),
    says.filamentGrams !== null && format.grams(says.filamentGrams),
    says.material,
    says.layers !== null && words.layers(format.count(says.layers)),
  ].filter(Boolean);
  return (
    <article className={styles.card} aria-label={file.name}>
      <div className={styles.picture}>
        <Thumbnail file={file} has={says.thumbnail !== null} size={256} />
      </div>
      <div className={styles.words}>
        <Link href={actions.pageOf(file.name)} className={styles.name}>
          {file.name}
        </Link>
        <p>{facts.length ? facts.join(" · ") : says.analysed ? words.unread : words.reading}</p>
        <p>
          {format.bytes(file.size)} · {format.ago(file.date * 1000)}
        </p>
      </div>
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
    </article>
  );
}
