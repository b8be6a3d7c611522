import { ArrowRight, CirclePlay, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { useCan } from "@/api/queries";
import type { PrinterView } from "@/api/types";
import { isAtWork, standing } from "@/cards/status";
import { Button, buttonClass, failed, IconButton, told } from "@/design";
import { text } from "@/text";
import { keep, read } from "./kept";
import styles from "./Welcome.module.css";

const KEY = "fluxgate-welcome";
const BUILT_IN = "virtual";
const KINDS = ["octoprint", "moonraker", "prusalink"] as const;

/** On a gateway that has but its own simulated printer: a first print, and the way to a real printer. Never again once a
 * person said so, or a real printer was there. */
export function Welcome({ printers }: { printers: readonly PrinterView[] }) {
  const [isDone, setDone] = useState(() => read(KEY) === "done");
  const hasReal = printers.some((printer) => printer.driver !== "virtual");
  useEffect(() => {
    if (hasReal) keep(KEY, "done");
  }, [hasReal]);
  const [only] = printers;
  if (isDone || printers.length !== 1 || only?.name !== BUILT_IN || hasReal) return null;
  return (
    <section className={styles.card} aria-labelledby="welcome">
      <div className={styles.close}>
        <IconButton
          label={text.welcome.dismiss}
          onClick={() => {
            keep(KEY, "done");
            setDone(true);
          }}
        >
          <X aria-hidden />
        </IconButton>
      </div>
      <Sample />
      <div className={styles.words}>
        <h2 id="welcome">{text.welcome.title}</h2>
        <p>{text.welcome.about}</p>
        <Start printer={only} />
      </div>
      <Real />
    </section>
  );
}

/** What will be printed. */
function Sample() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    import("@/demo/picture").then(({ paintSample }) => canvas.current && paintSample(canvas.current));
  }, []);
  return (
    <div className={styles.picture}>
      <canvas ref={canvas} width={360} height={360} role="img" aria-label={text.welcome.pictureAlt} />
    </div>
  );
}

function Start({ printer }: { printer: PrinterView }) {
  const [isBusy, setBusy] = useState(false);
  const can = useCan();
  const is = standing(printer);
  if (!can("operator", { printer: printer.name })) return null;
  if (isAtWork(printer)) {
    return (
      <Link
        href={`/printers/${encodeURIComponent(printer.name)}`}
        className={buttonClass("primary", { large: true })}
      >
        {text.welcome.printing}
        <ArrowRight aria-hidden />
      </Link>
    );
  }
  const print = async () => {
    setBusy(true);
    try {
      const { printSample } = await import("@/demo/print");
      await printSample();
      told(text.welcome.started);
    } catch (error) {
      failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className={styles.start}>
      <Button
        look="primary"
        large
        busy={isBusy}
        disabled={is !== "idle"}
        icon={<CirclePlay aria-hidden />}
        onClick={print}
      >
        {text.welcome.print}
      </Button>
      {is !== "idle" && <p>{is === "bed" ? text.welcome.bed : text.welcome.away}</p>}
    </div>
  );
}

function Real() {
  const can = useCan();
  return (
    <div className={styles.real}>
      <h3>{text.welcome.real}</h3>
      {can("admin", "all") ? (
        <>
          <p>{text.welcome.realAbout}</p>
          <ul>
            {KINDS.map((kind) => (
              <li key={kind}>
                <Link href={`/settings?add=${kind}`}>
                  <span>
                    <strong>{text.welcome.kinds[kind].title}</strong>
                    <span>{text.welcome.kinds[kind].about}</span>
                  </span>
                  <ArrowRight aria-hidden />
                </Link>
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p>{text.welcome.ask}</p>
      )}
    </div>
  );
}
