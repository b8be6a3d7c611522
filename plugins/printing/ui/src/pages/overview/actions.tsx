import { useQuery } from "@tanstack/react-query";
import { PackageCheck, Pause, Play, Printer } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { api, ok } from "@/api/client";
import { meQuery, useCan } from "@/api/queries";
import type { PrinterView } from "@/api/types";
import { standing } from "@/cards/status";
import { Button, buttonClass, failed, told } from "@/design";
import { useJobOf } from "@/live";
import { text } from "@/text";

/** The one thing that an operator would do next with a printer; nothing for those who may not. */
export function NextAction({ printer }: { printer: PrinterView }) {
  const can = useCan();
  const mayStop = useMayStop(printer);
  if (!can("operator", { printer: printer.name })) return null;
  const words = text.overview;
  switch (standing(printer)) {
    case "bed":
      return <BedClear printer={printer.name} />;
    case "held":
    case "error":
      return <PrinterLink printer={printer.name} label={words.decide} />;
    case "printing":
      return mayStop ? <JobButton printer={printer.name} does="pause" /> : null;
    case "paused":
      return mayStop ? <JobButton printer={printer.name} does="resume" /> : null;
    case "idle":
      return (
        <Link
          href={`/files?printer=${encodeURIComponent(printer.name)}`}
          className={buttonClass()}
          aria-label={words.of(words.print, printer.name)}
        >
          <Printer aria-hidden />
          {words.print}
        </Link>
      );
    default:
      return null;
  }
}

export function PrinterLink({ printer, label }: { printer: string; label: string }) {
  return (
    <Link
      href={`/printers/${encodeURIComponent(printer)}`}
      className={buttonClass()}
      aria-label={text.overview.of(label, printer)}
    >
      {label}
    </Link>
  );
}

export function BedClear({ printer }: { printer: string }) {
  const [isBusy, run] = useAct();
  return (
    <Button
      busy={isBusy}
      icon={<PackageCheck aria-hidden />}
      aria-label={text.overview.of(text.overview.bedClear, printer)}
      onClick={() =>
        run(async () => {
          await ok(api.POST("/api/printing/printers/{printer}/bed-clear", { params: { path: { printer } } }));
          told(text.overview.bedCleared(printer));
        })
      }
    >
      {text.overview.bedClear}
    </Button>
  );
}

function JobButton({ printer, does }: { printer: string; does: "pause" | "resume" }) {
  const [isBusy, run] = useAct();
  const params = { params: { path: { printer } } };
  return (
    <Button
      busy={isBusy}
      icon={does === "pause" ? <Pause aria-hidden /> : <Play aria-hidden />}
      aria-label={text.overview.of(text.overview[does], printer)}
      onClick={() =>
        run(() =>
          does === "pause"
            ? ok(api.POST("/api/printing/printers/{printer}/job/pause", params))
            : ok(api.POST("/api/printing/printers/{printer}/job/resume", params)),
        )
      }
    >
      {text.overview[does]}
    </Button>
  );
}

/** Whether the caller, an operator, may pause what it prints: their own, or everybody's. */
function useMayStop(printer: PrinterView): boolean {
  const { data: me } = useQuery(meQuery);
  const can = useCan();
  const job = useJobOf(printer.name);
  return (
    can("admin", { printer: printer.name }) ||
    me?.visibility === "all" ||
    me?.stopOthers === true ||
    job !== undefined // of others nothing is told
  );
}

function useAct(): [boolean, (act: () => Promise<unknown>) => Promise<void>] {
  const [isBusy, setBusy] = useState(false);
  return [
    isBusy,
    async (act) => {
      setBusy(true);
      try {
        await act();
      } catch (error) {
        failed(error);
      } finally {
        setBusy(false);
      }
    },
  ];
}
