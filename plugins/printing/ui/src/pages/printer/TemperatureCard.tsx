import { heaterName, inOrder } from "@/cards/heaters";
import { TemperatureChart } from "@/cards/TemperatureChart";
import { Card } from "@/design";
import { text } from "@/text";
import { HeaterRow } from "./HeaterRow";
import { Presets } from "./Presets";
import { usePart } from "./part";

/** How warm it is and was, and making it warmer. */
export function TemperatureCard({ name }: { name: string }) {
  const heaters = usePart(name, (printer) =>
    printer.status === "offline" ? [] : inOrder(Object.keys(printer.temperature)),
  );
  return (
    <Card title={text.printer.heat.title}>
      <TemperatureChart printer={name} />
      {heaters?.map((heater) => (
        <HeaterRow key={heater} name={name} heater={heater} label={heaterName(heater)} />
      ))}
      {heaters && heaters.length > 0 && <Presets name={name} />}
    </Card>
  );
}
