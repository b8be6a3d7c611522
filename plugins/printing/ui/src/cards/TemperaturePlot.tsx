/** The drawn part of the temperature chart, with the library that draws it: loaded when a chart is shown. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { colour, watchColours } from "@/design";
import { seriesOf, watch } from "@/live";
import { format, text } from "@/text";
import { columns, SHOWN_SECONDS, top } from "./chartData";
import { heaterColour, heaterName } from "./heaters";
import styles from "./TemperatureChart.module.css";

const HEIGHT = 220;
const STEP_MS = 2_000;
const now = () => Date.now() / 1000;

interface Props {
  printer: string;
  heaters: readonly string[];
}

export default function TemperaturePlot({ printer, heaters }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const under = useRef<HTMLParagraphElement>(null);
  const names = heaters.join(" ");
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const shown = names.split(" ");
    const say = (plot: uPlot) => {
      if (under.current) under.current.textContent = pointed(plot, shown);
    };
    const plot = new uPlot(
      options(element, shown, say),
      columns(seriesOf(printer), shown, now()) as uPlot.AlignedData,
      element,
    );
    let frame = 0;
    const draw = () => {
      frame = 0;
      plot.setData(columns(seriesOf(printer), shown, now()) as uPlot.AlignedData);
    };
    // frames aren't given to a page that isn't seen, so that nothing is drawn there
    const ask = () => {
      frame ||= requestAnimationFrame(draw);
    };
    const timer = window.setInterval(ask, STEP_MS);
    const unwatch = watch(printer, ask);
    const forgetColours = watchColours(() => plot.redraw(false, true));
    const sizes = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizes.observe(element);
    return () => {
      cancelAnimationFrame(frame);
      clearInterval(timer);
      unwatch();
      forgetColours();
      sizes.disconnect();
      plot.destroy();
    };
  }, [printer, names]);
  return (
    <>
      <div ref={place} className={styles.plot} aria-hidden />
      <p ref={under} className={styles.pointed} aria-hidden>
        {text.printer.heat.solid}
      </p>
    </>
  );
}

function options(
  element: HTMLElement,
  heaters: readonly string[],
  say: (plot: uPlot) => void,
): uPlot.Options {
  const axis = {
    stroke: () => colour("--fg-ink-2"),
    font: `12px ${getComputedStyle(element).fontFamily}`,
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    hooks: { setCursor: [say] },
    scales: {
      x: {
        time: false,
        range: () => {
          const end = now();
          return [end - SHOWN_SECONDS, end];
        },
      },
      y: { range: (_, __, highest) => [0, top(highest)] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        splits: (_, __, from, to) => [from, to - 600, to - 300, to],
        values: (_, splits) =>
          splits.map((at) => text.printer.heat.ago(Math.round(((splits.at(-1) ?? at) - at) / 60))),
        grid: { stroke: () => colour("--fg-line"), width: 1 },
      },
      { ...axis, size: 40, space: 44, grid: { stroke: () => colour("--fg-line"), width: 1 } },
    ],
    series: [
      {},
      ...heaters.flatMap((heater): uPlot.Series[] => {
        const stroke = () => colour(heaterColour(heater));
        const paths = uPlot.paths.stepped?.({ align: 1 });
        return [
          { label: heater, stroke, width: 2, points: { show: false } },
          {
            label: heater,
            stroke,
            width: 1.5,
            dash: [5, 5],
            points: { show: false },
            ...(paths && { paths }),
          },
        ];
      }),
    ],
  };
}

/** What the lines say where the pointer is. */
function pointed(plot: uPlot, heaters: readonly string[]): string {
  const index = plot.cursor.idx;
  const time = index == null ? undefined : plot.data[0][index];
  if (index == null || time === undefined || (plot.cursor.left ?? -1) < 0) return text.printer.heat.solid;
  const readings = heaters.map((heater, number) => {
    const actual = plot.data[1 + 2 * number]?.[index];
    const target = plot.data[2 + 2 * number]?.[index];
    const said = `${heaterName(heater)} ${format.degrees(actual)}`;
    return target ? `${said} → ${format.degrees(target)}` : said;
  });
  return [clock.format(new Date(time * 1000)), ...readings].join(" · ");
}

const clock = new Intl.DateTimeFormat(navigator.language, { timeStyle: "medium" });
