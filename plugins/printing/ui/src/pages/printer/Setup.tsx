import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { setAutoStart } from "@/api/printer";
import { Button, Card, failed, Switch } from "@/design";
import { format, text } from "@/text";
import { useMay } from "./may";
import { usePart } from "./part";
import styles from "./Setup.module.css";
import { SpoolDialog } from "./SpoolDialog";
import { Swatch } from "./Swatch";

const words = text.printer.setup;

/** What people say of the printer, and what it is. */
export function Setup({ name }: { name: string }) {
  return (
    <Card title={words.title}>
      <AutoStart name={name} />
      <Spool name={name} />
      <Facts name={name} />
    </Card>
  );
}

function AutoStart({ name }: { name: string }) {
  const may = useMay(name);
  const isOn = usePart(name, (printer) => printer.autoStart) ?? false;
  const [wanted, setWanted] = useState<boolean | null>(null);
  const change = useMutation({
    mutationFn: (next: boolean) => setAutoStart(name, next),
    onError: (error) => {
      setWanted(null);
      failed(error);
    },
  });
  // what was wanted is shown until it is so
  useEffect(() => {
    if (wanted === isOn) setWanted(null);
  }, [wanted, isOn]);
  if (!may.operate) {
    return (
      <dl className={styles.facts}>
        <Fact label={words.autoStart} value={isOn ? words.on : words.off} />
      </dl>
    );
  }
  return (
    <Switch
      label={words.autoStart}
      hint={words.autoStartAbout}
      checked={wanted ?? isOn}
      onChange={(next) => {
        setWanted(next);
        change.mutate(next);
      }}
    />
  );
}

function Spool({ name }: { name: string }) {
  const may = useMay(name);
  const [isOpen, setOpen] = useState(false);
  const spool = usePart(name, (printer) => printer.material);
  if (!spool) return null;
  const isLoaded = spool.type || spool.color || spool.grams != null;
  return (
    <div className={styles.spool}>
      <Swatch colour={spool.color ?? null} />
      <div className={styles.words}>
        <p className={styles.label}>{words.spool}</p>
        <p className={isLoaded ? undefined : styles.quiet}>
          {isLoaded
            ? [spool.type, spool.color, spool.grams == null ? null : words.left(format.grams(spool.grams))]
                .filter(Boolean)
                .join(" · ")
            : words.noSpool}
        </p>
      </div>
      {may.operate && <Button onClick={() => setOpen(true)}>{words.change}</Button>}
      {isOpen && <SpoolDialog name={name} spool={spool} onClose={() => setOpen(false)} />}
    </div>
  );
}

function Facts({ name }: { name: string }) {
  const is = usePart(name, ({ model, nozzle, buildVolume, materials, groups, usedSeconds, driver }) => ({
    model,
    nozzle: nozzle === null ? null : format.millimetres(nozzle),
    volume: buildVolume && `${buildVolume.x} × ${buildVolume.y} × ${format.millimetres(buildVolume.z)}`,
    materials: materials.join(", "),
    groups: groups.join(", "),
    used: usedSeconds > 0 ? format.duration(usedSeconds) : null,
    driver,
  }));
  if (!is) return null;
  return (
    <dl className={styles.facts}>
      <Fact label={words.model} value={is.model} />
      <Fact label={words.nozzle} value={is.nozzle} />
      <Fact label={words.volume} value={is.volume} />
      <Fact label={words.materials} value={is.materials} />
      <Fact label={words.groups} value={is.groups} />
      <Fact label={words.used} value={is.used} />
      <Fact label={words.driver} value={is.driver} />
    </dl>
  );
}

function Fact({ label, value }: { label: string; value: string | null | undefined }) {
  if (!value) return null;
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
