import { LayoutGrid, Monitor, Printer, Rows3, SearchX } from "lucide-react";
import { memo, startTransition, useEffect, useMemo, useState } from "react";
import { Link } from "wouter";
import { useShallow } from "zustand/react/shallow";
import { useCan } from "@/api/queries";
import type { PrinterView } from "@/api/types";
import { PrinterCard } from "@/cards/PrinterCard";
import { Button, buttonClass, Empty, IconButton, Loading, Tip } from "@/design";
import { useLive } from "@/live";
import { Page } from "@/shell/Page";
import { text } from "@/text";
import { Attention } from "./Attention";
import { NextAction } from "./actions";
import { useKept } from "./kept";
import { Next } from "./Next";
import styles from "./Overview.module.css";
import { Rows } from "./Rows";
import { ALL, kindOf, shown, totals, type Wanted } from "./sorting";
import { Toolbar } from "./Toolbar";
import { Welcome } from "./Welcome";

const FILTERED_FROM = 9;
const SCREENFUL = 12;
const VIEWS = ["cards", "rows"] as const;

/** Every printer at a glance. */
export function Overview() {
  const printers = usePrinters();
  const isKnown = useLive((s) => s.order !== null);
  const [view, setView] = useKept("fluxgate-overview", VIEWS);
  const [wanted, setWanted] = useState<Wanted>(ALL);
  const groups = useMemo(() => [...new Set(printers.flatMap((one) => one.groups))].sort(), [printers]);
  if (!isKnown) {
    return (
      <Page title={text.nav.overview}>
        <Loading lines={8} />
      </Page>
    );
  }
  if (printers.length === 0) {
    return (
      <Page title={text.nav.overview}>
        <NoPrinters />
      </Page>
    );
  }
  const areMany = printers.length >= FILTERED_FROM;
  const names = shown(printers, areMany ? wanted : ALL).map((printer) => printer.name);
  return (
    <Page
      title={text.nav.overview}
      about={<TotalsLine printers={printers} />}
      actions={
        <>
          <Tip text={text.nav.wall}>
            <Link href="/wall" className={buttonClass("quiet", { icon: true })} aria-label={text.nav.wall}>
              <Monitor aria-hidden />
            </Link>
          </Tip>
          <fieldset className={styles.views}>
            <legend className="visually-hidden">{text.overview.view}</legend>
            {VIEWS.map((one) => (
              <IconButton
                key={one}
                label={text.overview[one]}
                aria-pressed={view === one}
                onClick={() => setView(one)}
              >
                {one === "cards" ? <LayoutGrid aria-hidden /> : <Rows3 aria-hidden />}
              </IconButton>
            ))}
          </fieldset>
        </>
      }
    >
      <Welcome printers={printers} />
      <Attention printers={printers.filter((printer) => kindOf(printer) === "attention")} />
      {areMany && <Toolbar wanted={wanted} groups={groups} onChange={setWanted} />}
      {names.length === 0 ? (
        <Empty
          icon={<SearchX aria-hidden />}
          title={text.overview.noneFits.title}
          actions={<Button onClick={() => setWanted(ALL)}>{text.overview.noneFits.action}</Button>}
        >
          {text.overview.noneFits.about}
        </Empty>
      ) : view === "rows" ? (
        <Rows names={names} />
      ) : (
        <Cards names={names} />
      )}
    </Page>
  );
}

/** What fits on a screen comes first, and may be looked at while the others follow. */
function Cards({ names }: { names: readonly string[] }) {
  const [isWhole, setWhole] = useState(false);
  useEffect(() => startTransition(() => setWhole(true)), []);
  return (
    <ul className={styles.grid}>
      {(isWhole ? names : names.slice(0, SCREENFUL)).map((name) => (
        <li key={name}>
          <One name={name} />
        </li>
      ))}
    </ul>
  );
}

/** Drawn again when its own printer changes, not when any does. */
const One = memo(function One({ name }: { name: string }) {
  return (
    <PrinterCard
      name={name}
      link={() => <Link href={`/printers/${encodeURIComponent(name)}`}>{name}</Link>}
      actions={foot}
    />
  );
});

function foot(printer: PrinterView) {
  return (
    <div className={styles.foot}>
      <Next printer={printer} />
      <NextAction printer={printer} />
    </div>
  );
}

/** All of them, in order; the same array until one of them changes. */
function usePrinters(): PrinterView[] {
  return useLive(
    useShallow((s) => (s.order ?? []).map((name) => s.printers[name]).filter((one) => one !== undefined)),
  );
}

function TotalsLine({ printers }: { printers: readonly PrinterView[] }) {
  const { printing, ready, attention, offline } = totals(printers);
  const words = text.overview.totals;
  return (
    <ul className={styles.totals} aria-label={words.label}>
      <li>{words.all(printers.length)}</li>
      {printing > 0 && <li>{words.printing(printing)}</li>}
      {ready > 0 && <li>{words.ready(ready)}</li>}
      {attention > 0 && <li className={styles.calling}>{words.attention(attention)}</li>}
      {offline > 0 && <li>{words.offline(offline)}</li>}
    </ul>
  );
}

function NoPrinters() {
  const can = useCan();
  const mayAdd = can("admin", "all");
  return (
    <Empty
      icon={<Printer aria-hidden />}
      title={text.overview.empty.title}
      actions={
        mayAdd && (
          <Link href="/settings?add" className={buttonClass("primary")}>
            {text.overview.empty.action}
          </Link>
        )
      }
    >
      {mayAdd ? text.overview.empty.about : text.overview.empty.seen}
    </Empty>
  );
}
