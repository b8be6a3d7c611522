import { ArrowLeft, Box, PrinterCheck } from "lucide-react";
import { Link } from "wouter";
import { useCan, useIsNative } from "@/api/queries";
import { CameraLive } from "@/cards/CameraLive";
import { StatusBadge } from "@/cards/status";
import { buttonClass, Empty, Loading } from "@/design";
import { useLive, usePrinter } from "@/live";
import { Page } from "@/shell/Page";
import { text } from "@/text";
import { BedGate } from "./BedGate";
import { GcodeConsole } from "./GcodeConsole";
import { JobCard } from "./JobCard";
import { Motion } from "./Motion";
import { NextUp } from "./NextUp";
import styles from "./PrinterPage.module.css";
import { usePart } from "./part";
import { Settle } from "./Settle";
import { Setup } from "./Setup";
import { Silence } from "./Silence";
import { TemperatureCard } from "./TemperatureCard";

/** One printer: what it does, and what can be done with it. */
export default function PrinterPage({ name }: { name: string }) {
  const isKnown = useLive((s) => s.order !== null);
  const isThere = useLive((s) => s.printers[name] !== undefined);
  if (!isKnown) {
    return (
      <Page title={name} above={<Back />}>
        <Loading lines={8} />
      </Page>
    );
  }
  if (!isThere) {
    return (
      <Page title={name} above={<Back />}>
        <Empty icon={<PrinterCheck aria-hidden />} title={text.printer.missing.title(name)}>
          {text.printer.missing.about}
        </Empty>
      </Page>
    );
  }
  return (
    <Page title={name} above={<Back />} about={<About name={name} />} actions={<PrintLink name={name} />}>
      <Silence name={name} />
      <Settle name={name} />
      <BedGate name={name} />
      <Columns name={name} />
    </Page>
  );
}

function Columns({ name }: { name: string }) {
  const isNative = useIsNative();
  const isOld = usePart(name, (printer) => printer.stale || printer.status === "offline");
  return (
    <div className={`${styles.columns} ${isOld ? styles.old : ""}`}>
      <div className={styles.column}>
        <JobCard name={name} />
        <CameraLive printer={name} />
        <NextUp name={name} />
      </div>
      <div className={styles.column}>
        <TemperatureCard name={name} />
        <Motion name={name} />
        <GcodeConsole name={name} />
        {isNative && <Setup name={name} />}
      </div>
    </div>
  );
}

function Back() {
  return (
    <Link href="/" className={styles.back ?? ""}>
      <ArrowLeft aria-hidden />
      {text.printer.back}
    </Link>
  );
}

function About({ name }: { name: string }) {
  const printer = usePrinter(name);
  if (!printer) return null;
  return (
    <>
      <span role="status">
        <StatusBadge printer={printer} />
      </span>
      {printer.model && <span className={styles.model}>{printer.model}</span>}
    </>
  );
}

function PrintLink({ name }: { name: string }) {
  const can = useCan();
  const isNative = useIsNative();
  if (!can("operator", { printer: name })) return null;
  return (
    <Link
      href={isNative ? `/files?printer=${encodeURIComponent(name)}` : "/files"}
      className={buttonClass("secondary")}
    >
      <Box aria-hidden />
      {text.printer.print}
    </Link>
  );
}
