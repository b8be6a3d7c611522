import { useMutation, useQuery } from "@tanstack/react-query";
import { PowerOff } from "lucide-react";
import { heat } from "@/api/printer";
import { optionsQuery } from "@/api/queries";
import { isAtWork } from "@/cards/status";
import { Button, failed, told } from "@/design";
import { format, text } from "@/text";
import { useMay } from "./may";
import styles from "./Presets.module.css";
import { usePart } from "./part";

const words = text.printer.heat;

/** Temperatures by name, for hotend and bed together; nothing while it prints, for the print has its own. */
export function Presets({ name }: { name: string }) {
  const may = useMay(name);
  const { data: options } = useQuery(optionsQuery);
  const is = usePart(name, (printer) => ({
    canHeat: printer.capabilities.includes("temperature") && printer.status === "idle",
    hotend: printer.bounds.hotend,
    bed: printer.bounds.bed,
    works: isAtWork(printer),
    hot: Object.entries(printer.temperature)
      .filter(([heater, { target }]) => target && (heater === "bed" || heater.startsWith("tool")))
      .map(([heater]) => heater)
      .join(" "),
    hasBed: "bed" in printer.temperature,
    hasTool: "tool0" in printer.temperature,
  }));
  const set = useMutation({
    mutationFn: ({ targets }: { label: string; targets: [string, number][] }) =>
      Promise.all(targets.map(([heater, target]) => heat(name, heater, target))),
    onSuccess: (_, { label }) => told(label),
    onError: failed,
  });
  if (!may.command || !is?.canHeat || is.works) return null;
  const hot = is.hot.split(" ").filter(Boolean);
  return (
    <fieldset className={styles.presets}>
      <legend className={styles.label}>{words.presets}</legend>
      {options?.presets.map((preset) => {
        const isTooHot = preset.hotend > is.hotend || preset.bed > is.bed;
        const about = words.preset(preset.name, format.degrees(preset.hotend), format.degrees(preset.bed));
        const targets: [string, number][] = [
          ...(is.hasTool ? [["tool0", preset.hotend] as [string, number]] : []),
          ...(is.hasBed ? [["bed", preset.bed] as [string, number]] : []),
        ];
        return (
          <Button
            key={preset.name}
            disabled={isTooHot || set.isPending}
            title={isTooHot ? words.tooHot : about}
            aria-label={about}
            onClick={() => set.mutate({ label: words.heating(preset.name), targets })}
          >
            {preset.name}
          </Button>
        );
      })}
      <Button
        look="quiet"
        icon={<PowerOff aria-hidden />}
        disabled={hot.length === 0 || set.isPending}
        onClick={() => set.mutate({ label: words.allOff, targets: hot.map((heater) => [heater, 0]) })}
      >
        {words.allOff}
      </Button>
    </fieldset>
  );
}
