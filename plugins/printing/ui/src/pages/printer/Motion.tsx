import { useMutation } from "@tanstack/react-query";
import { ArrowDown, ArrowLeft, ArrowRight, ArrowUp, House } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { type Axis, home, jog } from "@/api/printer";
import { isAtWork, isBlocked } from "@/cards/status";
import { Button, Card, failed, IconButton, told } from "@/design";
import { format, text } from "@/text";
import styles from "./Motion.module.css";
import { useMay } from "./may";
import { usePart } from "./part";

const words = text.printer.motion;
const STEPS = [0.1, 1, 10, 50];
const ALL: Axis[] = ["x", "y", "z"];

/** Driving the print head and the bed about, while nothing prints. */
export function Motion({ name }: { name: string }) {
  const may = useMay(name);
  const is = usePart(name, (printer) => ({
    canHome: printer.capabilities.includes("home"),
    canJog: printer.capabilities.includes("jog"),
    works: isAtWork(printer),
    held: printer.outcomeUnknown,
    failed: printer.status === "error",
    away: printer.status !== "idle" && !isAtWork(printer),
    blocked: isBlocked(printer),
  }));
  if (!may.operate || !is || !(is.canHome || is.canJog)) return null;
  const why = is.works
    ? words.busy
    : is.held
      ? words.held
      : is.failed
        ? words.failed
        : is.away
          ? words.offline
          : null;
  return (
    <Card title={words.title}>
      {why ? (
        <p className={styles.note}>{why}</p>
      ) : (
        <>
          {is.blocked && <p className={styles.note}>{words.bed}</p>}
          <div className={styles.controls}>
            {is.canJog && <Jog name={name} />}
            {is.canHome && <Homes name={name} />}
          </div>
        </>
      )}
    </Card>
  );
}

function Homes({ name }: { name: string }) {
  const go = useMutation({
    mutationFn: (axes: Axis[]) => home(name, axes),
    onSuccess: () => told(words.homed),
    onError: failed,
  });
  return (
    <fieldset className={styles.homes}>
      <legend>{words.home}</legend>
      <Button icon={<House aria-hidden />} disabled={go.isPending} onClick={() => go.mutate(ALL)}>
        {words.all}
      </Button>
      {ALL.map((axis) => (
        <Button
          key={axis}
          aria-label={`${words.home} ${axis.toUpperCase()}`}
          disabled={go.isPending}
          onClick={() => go.mutate([axis])}
        >
          {axis.toUpperCase()}
        </Button>
      ))}
    </fieldset>
  );
}

function Jog({ name }: { name: string }) {
  const [step, setStep] = useState(10);
  const go = useMutation({
    mutationFn: ([axis, distance]: [Axis, number]) => jog(name, axis, distance),
    onError: failed,
  });
  const move = (axis: Axis, sign: 1 | -1, place: string | undefined, picture: ReactNode) => (
    <span className={place}>
      <IconButton
        look="secondary"
        label={words.by(axis.toUpperCase(), `${sign < 0 ? "−" : "+"}${format.millimetres(step)}`)}
        disabled={go.isPending}
        onClick={() => go.mutate([axis, sign * step])}
      >
        {picture}
      </IconButton>
    </span>
  );
  return (
    <>
      <Steps step={step} onStep={setStep} />
      <div className={styles.pads}>
        <div className={styles.pad}>
          {move("y", 1, styles.north, <ArrowUp aria-hidden />)}
          {move("x", -1, styles.west, <ArrowLeft aria-hidden />)}
          <span className={styles.middle} aria-hidden>
            X Y
          </span>
          {move("x", 1, styles.east, <ArrowRight aria-hidden />)}
          {move("y", -1, styles.south, <ArrowDown aria-hidden />)}
        </div>
        <div className={styles.pad}>
          {move("z", 1, styles.north, <ArrowUp aria-hidden />)}
          <span className={styles.middle} aria-hidden>
            Z
          </span>
          {move("z", -1, styles.south, <ArrowDown aria-hidden />)}
        </div>
      </div>
    </>
  );
}

function Steps({ step, onStep }: { step: number; onStep: (step: number) => void }) {
  const id = useId();
  return (
    <fieldset className={styles.steps}>
      <legend>{words.step}</legend>
      {STEPS.map((one) => (
        <label key={one} className={styles.step}>
          <input type="radio" name={id} checked={one === step} onChange={() => onStep(one)} />
          <span>{format.millimetres(one)}</span>
        </label>
      ))}
    </fieldset>
  );
}
