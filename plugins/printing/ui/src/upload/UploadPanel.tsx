import { Check, ChevronDown, ChevronUp, CircleAlert, CloudOff, RotateCcw, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { Button, IconButton, Progress } from "@/design";
import { format, text } from "@/text";
import { again, clear, drop } from "./queue";
import { isUnderWay, type Upload, useUploads } from "./store";
import styles from "./UploadPanel.module.css";

const words = text.files.uploads;

/** What is sent, how far it is, and what became of it. */
export default function UploadPanel() {
  const all = useUploads((s) => s.all);
  const [isFolded, setFolded] = useState(false);
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    // what is told for a moment stands above it
    const root = document.documentElement.style;
    const observer = new ResizeObserver(() =>
      root.setProperty("--fg-uploads", `${(panel.current?.offsetHeight ?? 0) + 8}px`),
    );
    if (panel.current) observer.observe(panel.current);
    return () => {
      observer.disconnect();
      root.removeProperty("--fg-uploads");
    };
  }, []);
  return (
    <section ref={panel} className={styles.panel} aria-label={words.title}>
      <div className={styles.head}>
        <h2>
          <span role="status">{summary(all)}</span>
        </h2>
        {all.some((one) => !isUnderWay(one)) && (
          <Button look="quiet" onClick={clear}>
            {words.clear}
          </Button>
        )}
        <IconButton
          label={isFolded ? words.unfold : words.fold}
          aria-expanded={!isFolded}
          onClick={() => setFolded(!isFolded)}
        >
          {isFolded ? <ChevronUp aria-hidden /> : <ChevronDown aria-hidden />}
        </IconButton>
      </div>
      {!isFolded && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keyboard too
        <ul className={styles.list} tabIndex={0}>
          {all.map((one) => (
            <One key={one.id} {...one} />
          ))}
        </ul>
      )}
    </section>
  );
}

function summary(all: Upload[]): string {
  const of = (...states: Upload["state"][]) => all.filter(({ state }) => states.includes(state)).length;
  const running = of("waiting", "sending", "storing");
  if (running) return words.running(running);
  if (of("dropped")) return words.dropped;
  return of("failed") ? words.failed(of("failed")) : words.done(of("done"));
}

function One({ id, name, size, state, sent, speed, error }: Upload) {
  const canTryAgain = state === "failed" || state === "dropped";
  return (
    <li className={styles.one}>
      <div className={styles.line}>
        {state === "done" && <Check className={styles.good} aria-hidden />}
        {state === "failed" && <CircleAlert className={styles.bad} aria-hidden />}
        {state === "dropped" && <CloudOff className={styles.warn} aria-hidden />}
        <span className={styles.name} title={name}>
          {state === "done" ? <Link href={`/files/${encodeURIComponent(name)}`}>{name}</Link> : name}
        </span>
        {canTryAgain && (
          <Button look="quiet" icon={<RotateCcw aria-hidden />} onClick={() => again(id)}>
            {words.retry}
          </Button>
        )}
        <IconButton
          label={state === "done" || state === "failed" ? words.remove(name) : words.cancel(name)}
          onClick={() => drop(id)}
        >
          <X aria-hidden />
        </IconButton>
      </div>
      {(state === "sending" || state === "storing") && (
        <Progress percent={size ? (sent / size) * 100 : 0} label={words.progressOf(name)} />
      )}
      <p className={state === "failed" ? styles.bad : styles.about}>
        {error ?? about({ size, state, sent, speed })}
      </p>
    </li>
  );
}

function about({ size, state, sent, speed }: Pick<Upload, "size" | "state" | "sent" | "speed">): string {
  switch (state) {
    case "sending":
      return [
        words.sent(format.bytes(sent), format.bytes(size)),
        ...(speed
          ? [words.speed(format.bytes(speed)), words.left(format.duration((size - sent) / speed))]
          : []),
      ].join(" · ");
    case "storing":
      return words.storing;
    case "done":
      return `${words.stored} · ${format.bytes(size)}`;
    default:
      return `${words.waits} · ${format.bytes(size)}`;
  }
}
