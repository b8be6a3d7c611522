import { MonitorPlay, X } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { useShallow } from "zustand/react/shallow";
import { isAtWork, standing } from "@/cards/status";
import { buttonClass, Empty, Loading, Notice } from "@/design";
import { useLive, usePrinterNames } from "@/live";
import { LinkBadge } from "@/shell/LinkBadge";
import { format, text } from "@/text";
import { Clock } from "./Clock";
import { Tile } from "./Tile";
import { tiling } from "./tiling";
import { useAwake } from "./useAwake";
import styles from "./WallPage.module.css";

const words = text.wall;
const ATTENTION = new Set(["bed", "held", "error"]);

/** The same place every day: p2 before p10. */
const byName = new Intl.Collator(undefined, { numeric: true }).compare;

/** All printers on one big screen, for whoever walks by. */
export default function WallPage() {
  const isKnown = useLive((s) => s.order !== null);
  const known = usePrinterNames();
  const names = useMemo(() => [...known].sort(byName), [known]);
  const [, go] = useLocation();
  useAwake();
  useEffect(() => {
    document.title = `${words.title} · ${text.common.appName}`;
    const leave = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.fullscreenElement) go("/");
    };
    window.addEventListener("keydown", leave);
    const page = document.documentElement.style;
    page.scrollbarGutter = "auto"; // it never scrolls, and reaches both edges
    return () => {
      window.removeEventListener("keydown", leave);
      page.scrollbarGutter = "";
    };
  }, [go]);
  return (
    <main className={styles.wall}>
      <header className={styles.head}>
        <h1 className="visually-hidden">{words.title}</h1>
        <Summary />
        <span className={styles.tools}>
          <LinkBadge />
          <Link href="/" className={`${buttonClass("quiet")} ${styles.back}`}>
            <X aria-hidden />
            {words.back}
          </Link>
        </span>
        <Clock />
      </header>
      <Silent />
      {!isKnown ? (
        <Loading lines={8} />
      ) : names.length === 0 ? (
        <Empty icon={<MonitorPlay aria-hidden />} title={words.none}>
          {words.noneAbout}
        </Empty>
      ) : (
        <Tiles names={names} />
      )}
    </main>
  );
}

function Tiles({ names }: { names: string[] }) {
  const [place, setPlace] = useState<HTMLElement | null>(null);
  const [size, setSize] = useState({ width: 16, height: 9 });
  useEffect(() => {
    if (!place) return;
    const sizes = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    sizes.observe(place);
    return () => sizes.disconnect();
  }, [place]);
  const { columns, rows } = tiling(names.length, size.width, size.height);
  return (
    <div
      ref={setPlace}
      className={styles.tiles}
      style={{
        gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
        gridTemplateRows: `repeat(${rows}, minmax(0, 1fr))`,
      }}
    >
      {names.map((name) => (
        <Tile key={name} name={name} />
      ))}
    </div>
  );
}

function Summary() {
  const { printing, attention } = useLive(
    useShallow((s) => {
      const all = Object.values(s.printers);
      return {
        printing: all.filter(isAtWork).length,
        attention: all.filter((printer) => ATTENTION.has(standing(printer))).length,
      };
    }),
  );
  return <p className={styles.summary}>{words.summary(printing, attention)}</p>;
}

/** From when it is, when nothing is heard any more. */
function Silent() {
  const since = useLive((s) => (s.link === "away" ? s.silentSince : null));
  if (since === null) return null;
  return <Notice tone="bad">{words.old(format.moment(since))}</Notice>;
}
