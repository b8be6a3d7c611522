import { useMutation, useQuery } from "@tanstack/react-query";
import { Box, Pause, Play, Square } from "lucide-react";
import { Link } from "wouter";
import { address } from "@/api/client";
import { cancelPrint, pausePrint, resumePrint } from "@/api/printer";
import { fileQuery, useIsNative } from "@/api/queries";
import { isAtWork, standing } from "@/cards/status";
import { Button, Card, failed, Progress, told, useConfirm } from "@/design";
import { useJobOf, usePrinter } from "@/live";
import { format, text } from "@/text";
import styles from "./JobCard.module.css";
import { useMay } from "./may";
import { usePart } from "./part";

const words = text.printer.job;
const THUMBNAIL = 320;
/** What the page says at its top already. */
const SAID_ABOVE = new Set(["bed", "held", "error", "offline", "stale"]);

/** What it prints, how far it is, and stopping it; or what it waits for. */
export function JobCard({ name }: { name: string }) {
  const works = usePart(name, isAtWork);
  const job = useJobOf(name);
  const isBrought = useIsBrought(name);
  const isNative = useIsNative();
  return (
    <Card title={words.title} actions={isNative && (works || isBrought) && <Stops name={name} />}>
      {works || job ? <Work name={name} /> : <Nothing name={name} />}
    </Card>
  );
}

/** Its job is on its way to the printer: the file is sent, or the start not seen yet. */
function useIsBrought(name: string): boolean {
  const isFree = usePart(name, (printer) => printer.status === "idle" && !printer.outcomeUnknown);
  const status = useJobOf(name)?.printer_status;
  return isFree === true && (status === null || status === "starting");
}

function Nothing({ name }: { name: string }) {
  const why = usePart(name, (printer) => {
    const is = standing(printer);
    return SAID_ABOVE.has(is) ? null : text.printers.waits(is, printer);
  });
  return (
    <div className={styles.nothing}>
      <Box aria-hidden />
      <div>
        <p className={styles.file}>{words.nothing}</p>
        {why && <p className={styles.quiet}>{why}</p>}
      </div>
    </div>
  );
}

function Work({ name }: { name: string }) {
  const printer = usePrinter(name);
  const job = useJobOf(name);
  if (!printer) return null;
  const ticking = printer.status === "printing" || printer.status === "resuming";
  // of a printer that doesn't say it any more, as it was last seen
  const works = isAtWork(printer);
  const percent = works ? printer.progress : (job?.progress ?? null);
  return (
    <>
      <div className={styles.work}>
        {job && <Thumbnail file={job.file_name} />}
        <div className={styles.main}>
          {job ? (
            <Link href={`/files/${encodeURIComponent(job.file_name)}`} className={styles.file ?? ""}>
              {job.file_name}
            </Link>
          ) : (
            <>
              <p className={styles.file}>{text.printers.somePrint}</p>
              <p className={styles.quiet}>{words.elsewhere}</p>
            </>
          )}
          <p className={styles.percent}>{format.percent(percent)}</p>
          <Progress
            percent={percent}
            label={text.printers.progressOf(name)}
            {...(printer.status === "paused" && { tone: "warn" as const })}
          />
        </div>
      </div>
      <Note name={name} />
      <dl className={styles.figures}>
        {works && <Figure label={words.left} value={format.duration(printer.timeLeft)} />}
        {works && (
          <Figure label={words.ends} value={ticking ? format.endsAt(printer.timeLeft) : format.NOTHING} />
        )}
        {works && job?.started_at && (
          <Figure
            label={words.elapsed}
            value={format.duration((Date.now() - new Date(job.started_at).getTime()) / 1000)}
          />
        )}
        {job && <OfFile file={job.file_name} material={job.material_type} />}
      </dl>
    </>
  );
}

/** Why it isn't as usual: nothing is heard of it, it is on its way, or the caller may not stop it. */
function Note({ name }: { name: string }) {
  const may = useMay(name);
  const isBrought = useIsBrought(name);
  const works = usePart(name, isAtWork);
  const isFree = usePart(name, (printer) => printer.status === "idle" && !printer.outcomeUnknown);
  const why =
    may.operate && !may.stop
      ? words.others
      : isBrought
        ? words.brought
        : works || isFree
          ? null
          : words.lastSeen;
  return why && <p className={styles.quiet}>{why}</p>;
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** What the file says of itself; nothing once it is deleted. */
function OfFile({ file, material }: { file: string; material: string | null }) {
  const { data } = useQuery(fileQuery(file));
  const about = data?.metadata;
  const kind = material ?? about?.material;
  const grams = about?.filamentGrams;
  return (
    <>
      {about?.layers != null && (
        <Figure
          label={words.layers}
          value={
            about.layerHeight == null
              ? format.count(about.layers)
              : words.layersOf(format.count(about.layers), format.millimetres(about.layerHeight))
          }
        />
      )}
      {(kind || grams != null) && (
        <Figure
          label={words.material}
          value={[kind, grams == null ? null : format.grams(grams)].filter(Boolean).join(" · ")}
        />
      )}
    </>
  );
}

function Thumbnail({ file }: { file: string }) {
  const { data } = useQuery(fileQuery(file));
  if (!data?.metadata.thumbnail) return null;
  const path = `/api/printing/files/${encodeURIComponent(file)}/thumbnail?size=${THUMBNAIL}`;
  return <img className={styles.thumbnail} src={address(path)} alt={words.picture(file)} decoding="async" />;
}

/** Pause, go on, cancel: as far as the caller may, and the printer is in a state for it. */
function Stops({ name }: { name: string }) {
  const may = useMay(name);
  const status = usePart(name, (printer) => printer.status);
  const job = useJobOf(name);
  const progress = usePart(name, (printer) => format.percent(printer.progress));
  const [ask, question] = useConfirm();
  const pause = useMutation({ mutationFn: () => pausePrint(name), onError: failed });
  const resume = useMutation({ mutationFn: () => resumePrint(name), onError: failed });
  const cancel = useMutation({
    mutationFn: () => cancelPrint(name),
    onSuccess: () => told(words.cancelled),
    onError: failed,
  });
  if (!may.operate) return question;
  const isChanging = status !== "printing" && status !== "paused";
  const why = !may.stop ? words.others : isChanging ? words.waiting : undefined;
  const goesOn = status === "paused" || status === "resuming";
  return (
    <>
      {goesOn ? (
        <Button
          look="primary"
          icon={<Play aria-hidden />}
          busy={resume.isPending}
          disabled={!may.command || status !== "paused"}
          title={why}
          onClick={() => resume.mutate()}
        >
          {words.resume}
        </Button>
      ) : (
        <Button
          icon={<Pause aria-hidden />}
          busy={pause.isPending}
          disabled={!may.stop || status !== "printing"}
          title={why}
          onClick={() => pause.mutate()}
        >
          {words.pause}
        </Button>
      )}
      <Button
        look="danger"
        icon={<Square aria-hidden />}
        busy={cancel.isPending}
        disabled={!may.stop || status === "cancelling" || status === "finishing"}
        title={may.stop ? undefined : words.others}
        onClick={() =>
          ask({
            title: words.askCancel,
            description: words.askCancelAbout(job?.file_name ?? words.somePrint, progress ?? ""),
            action: words.cancel,
            dangerous: true,
            onYes: () => cancel.mutate(),
          })
        }
      >
        {words.cancel}
      </Button>
      {question}
    </>
  );
}
