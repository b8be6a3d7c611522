import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, Download, FileX, MoreHorizontal, Printer } from "lucide-react";
import { Link, useSearchParams } from "wouter";
import { downloadOf, useMetadata } from "@/api/files";
import { Problem } from "@/api/problem";
import { fileQuery, useIsNative } from "@/api/queries";
import type { FileView } from "@/api/types";
import { GcodePreview } from "@/cards/gcode/GcodePreview";
import { Thumbnail } from "@/cards/gcode/Thumbnail";
import {
  Button,
  buttonClass,
  Card,
  Empty,
  Failed,
  IconButton,
  Loading,
  Menu,
  Notice,
  Segments,
} from "@/design";
import { useLive } from "@/live";
import { Page } from "@/shell/Page";
import { text } from "@/text";
import { InUseQuestion } from "./deleting";
import { Facts } from "./Facts";
import styles from "./FilePage.module.css";
import { ForPrinter } from "./ForPrinter";
import { Prints } from "./Prints";
import { ToolTable } from "./ToolTable";
import { useFileActions } from "./useFileActions";
import { useWantedPrinter } from "./useWantedPrinter";

const words = text.files;

/** One file: what it looks like, what it says of itself, what became of its prints. */
export default function FilePage({ name }: { name: string }) {
  const file = useQuery(fileQuery(name));
  const actions = useFileActions();
  const isNative = useIsNative();
  const isGone = file.error && Problem.from(file.error).status === 404;
  return (
    <Page
      title={name}
      above={
        <Link href={actions.list} className={styles.back ?? ""}>
          <ChevronLeft aria-hidden />
          {words.one.back}
        </Link>
      }
      actions={
        file.data &&
        !isGone && (
          <>
            {isNative && (
              <a className={buttonClass("secondary")} href={downloadOf(name)} download={name}>
                <Download aria-hidden />
                {words.actions.download}
              </a>
            )}
            {actions.can && (
              <>
                <Button look="primary" icon={<Printer aria-hidden />} onClick={() => actions.print(name)}>
                  {words.actions.print}
                </Button>
                <Menu
                  trigger={
                    <IconButton label={words.actions.more(name)}>
                      <MoreHorizontal aria-hidden />
                    </IconButton>
                  }
                  choices={actions.choices(name, true)}
                />
              </>
            )}
          </>
        )
      }
    >
      <ForPrinter />
      {isGone ? (
        <Empty
          icon={<FileX aria-hidden />}
          title={words.one.gone}
          actions={
            <Link href="/files" className={buttonClass("primary")}>
              {words.one.toFiles}
            </Link>
          }
        >
          {words.one.goneAbout}
        </Empty>
      ) : file.data ? (
        <Known file={file.data} />
      ) : file.error ? (
        <Failed error={file.error} onRetry={() => file.refetch()} />
      ) : (
        <Loading lines={8} />
      )}
      {actions.dialogs}
      <InUseQuestion />
    </Page>
  );
}

function Known({ file }: { file: FileView }) {
  const { analysed } = useMetadata(file); // asks again while it isn't read
  const isNative = useIsNative();
  return (
    <>
      {!analysed && <Notice>{words.one.unread}</Notice>}
      <div className={styles.columns}>
        {isNative && <Picture key={file.hash} file={file} />}
        <div className={styles.column}>
          <Card title={words.one.facts}>
            <Facts file={file} />
          </Card>
          {file.metadata.tools.length > 0 && (
            <Card title={words.one.tools}>
              <ToolTable tools={file.metadata.tools} />
            </Card>
          )}
        </div>
      </div>
      <Card title={words.one.history}>
        <Prints name={file.name} />
      </Card>
    </>
  );
}

function Picture({ file }: { file: FileView }) {
  const [query, setQuery] = useSearchParams();
  const view = query.get("view") === "layers" ? "layers" : "picture";
  const [printer] = useWantedPrinter();
  const volume = useLive(
    (s) =>
      s.printers[printer ?? ""]?.buildVolume ??
      Object.values(s.printers).find((one) => one.buildVolume)?.buildVolume ??
      null,
  );
  const show = (next: "picture" | "layers") =>
    setQuery(
      (before) => {
        const after = new URLSearchParams(before);
        if (next === "picture") after.delete("view");
        else after.set("view", next);
        return after;
      },
      { replace: true },
    );
  const has = file.metadata.thumbnail !== null;
  return (
    <Card>
      <Segments
        label={words.one.view}
        bare
        choices={[
          { value: "picture", label: words.one.picture },
          { value: "layers", label: words.one.layers },
        ]}
        value={view}
        onChange={show}
      />
      {view === "layers" ? (
        <GcodePreview key={JSON.stringify(volume)} file={file} volume={volume} />
      ) : (
        <figure>
          <div className={styles.picture}>
            <Thumbnail file={file} has={has} size={1024} named />
          </div>
          {!has && file.metadata.analysed && (
            <figcaption className={styles.none}>{words.one.noPicture}</figcaption>
          )}
        </figure>
      )}
    </Card>
  );
}
