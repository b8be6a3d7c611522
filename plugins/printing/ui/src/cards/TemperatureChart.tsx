import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import { useShallow } from "zustand/react/shallow";
import { temperatureHistoryQuery } from "@/api/printer";
import { useIsNative } from "@/api/queries";
import { remember, seriesOf, useLive } from "@/live";
import { format, text } from "@/text";
import { byMinute } from "./chartData";
import { heaterName, inOrder } from "./heaters";
import styles from "./TemperatureChart.module.css";

const TemperaturePlot = lazy(() => import("./TemperaturePlot"));
const words = text.printer.heat;

/** How warm a printer was in the last 15 minutes, and is: drawn, and as a table for those who read. */
export function TemperatureChart({ printer }: { printer: string }) {
  const history = useQuery({ ...temperatureHistoryQuery(printer), enabled: useIsNative() });
  useEffect(() => {
    if (history.data) remember(printer, history.data);
  }, [printer, history.data]);
  const live = useLive(useShallow((s) => Object.keys(s.printers[printer]?.temperature ?? {})));
  const heaters = inOrder([...new Set([...live, ...Object.keys(history.data?.heaters ?? {})])]);
  if (history.isLoading) return <div className={styles.room} />;
  if (heaters.length === 0) return <p className={styles.nothing}>{words.nothing}</p>;
  return (
    <figure className={styles.chart}>
      <figcaption className="visually-hidden">{words.chart}</figcaption>
      <Suspense fallback={<div className={styles.room} />}>
        <TemperaturePlot printer={printer} heaters={heaters} />
      </Suspense>
      {history.isError && <p className={styles.note}>{words.noHistory}</p>}
      <Table printer={printer} heaters={heaters} />
    </figure>
  );
}

function Table({ printer, heaters }: { printer: string; heaters: readonly string[] }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className={styles.table} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.table}</summary>
      {isOpen && <Rows printer={printer} heaters={heaters} />}
    </details>
  );
}

function Rows({ printer, heaters }: { printer: string; heaters: readonly string[] }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  const series = seriesOf(printer);
  return (
    <div className={styles.scroll}>
      <table>
        <caption className="visually-hidden">{words.chart}</caption>
        <thead>
          <tr>
            <th scope="col">{words.time}</th>
            {heaters.map((heater) => (
              <th key={heater} scope="col">
                {heaterName(heater)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {byMinute(series, now / 1000).map(({ time, index }) => (
            <tr key={time}>
              <th scope="row">{format.ago(time * 1000, now)}</th>
              {heaters.map((heater) => {
                const target = series.heaters[heater]?.target[index];
                return (
                  <td key={heater}>
                    {format.degrees(series.heaters[heater]?.actual[index])}
                    {target ? ` → ${format.degrees(target)}` : ""}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
