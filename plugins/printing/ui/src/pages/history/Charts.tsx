import { type PointerEvent, useMemo, useState } from "react";
import type { JobStats } from "@/api/history";
import { Card } from "@/design";
import { format, text } from "@/text";
import styles from "./Charts.module.css";
import { type Column, columnsOf, ticks } from "./days";

const words = text.history.charts;
const RESULTS = ["completed", "failed", "canceled"] as const;

/** The numbers as pictures, each with a table of the same. */
export default function Charts({ stats }: { stats: JobStats }) {
  return (
    <div className={styles.charts}>
      <Days stats={stats} />
      <Bars
        title={words.printers}
        rows={stats.printers.map((one) => ({
          name: one.printer ?? words.noPrinter,
          value: one.printSeconds,
          shown: format.duration(one.printSeconds),
          about: words.prints(one.jobs),
        }))}
        heads={[words.columns.printer, words.columns.jobs, words.columns.hours, words.columns.grams]}
        cells={stats.printers.map((one) => [
          one.printer ?? words.noPrinter,
          format.count(one.jobs),
          format.duration(one.printSeconds),
          format.grams(one.materialGrams),
        ])}
      />
      <Bars
        title={words.materials}
        rows={stats.materials.map((one) => ({
          name: one.material ?? words.noMaterial,
          value: one.grams,
          shown: format.grams(one.grams),
          about: format.money(one.cost, stats.currency),
        }))}
        heads={[words.columns.material, words.columns.jobs, words.columns.grams, words.columns.cost]}
        cells={stats.materials.map((one) => [
          one.material ?? words.noMaterial,
          format.count(one.jobs),
          format.grams(one.grams),
          format.money(one.cost, stats.currency),
        ])}
      />
    </div>
  );
}

/** How many ended each day, and how. */
function Days({ stats }: { stats: JobStats }) {
  const { columns, isWeekly } = useMemo(() => columnsOf(stats.days), [stats.days]);
  const [pointed, setPointed] = useState<number | null>(null);
  const highest = Math.max(0, ...columns.map(sum));
  const lines = ticks(highest);
  const top = lines.at(-1) ?? 1;
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width) * columns.length);
    setPointed(Math.max(0, Math.min(columns.length - 1, at)));
  };
  const now = pointed === null ? undefined : columns[pointed];
  const name = (column: Column) => (isWeekly ? words.week(day(column)) : day(column));
  return (
    <div className={styles.wide}>
      <Card title={isWeekly ? words.weeks : words.days}>
        <div className={styles.above}>
          <ul className={styles.legend}>
            {RESULTS.map((result) => (
              <li key={result}>
                <span aria-hidden className={`${styles.key} ${styles[result]}`} />
                {text.history.results[result]} <strong>{format.count((now ?? stats)[result])}</strong>
              </li>
            ))}
          </ul>
          <span className={styles.readout}>
            {now ? name(now) : columns[0] && `${day(columns[0])} – ${day(stats.days.at(-1) ?? columns[0])}`}
          </span>
        </div>
        <div className={styles.plot} aria-hidden>
          <div className={styles.scale}>
            {lines.map((line) => (
              <span key={line} style={{ bottom: `${(100 * line) / top}%` }}>
                {format.count(line)}
              </span>
            ))}
          </div>
          <div
            className={styles.columns}
            data-dense={columns.length > 45 || undefined}
            onPointerMove={point}
            onPointerDown={point}
            onPointerLeave={() => setPointed(null)}
          >
            {columns.map((column, index) => (
              <div key={column.day} className={styles.column} data-pointed={index === pointed || undefined}>
                {RESULTS.map((result) =>
                  column[result] > 0 ? (
                    <div
                      key={result}
                      className={`${styles.part} ${styles[result]}`}
                      style={{ height: `${(100 * column[result]) / top}%` }}
                    />
                  ) : null,
                )}
              </div>
            ))}
          </div>
        </div>
        <AsTable
          heads={[
            isWeekly ? words.columns.week : words.columns.day,
            ...RESULTS.map((result) => words.columns[result]),
            words.columns.hours,
            words.columns.grams,
          ]}
          rows={columns.map((column) => [
            name(column),
            ...RESULTS.map((result) => format.count(column[result])),
            format.duration(column.printSeconds),
            format.grams(column.materialGrams),
          ])}
        />
      </Card>
    </div>
  );
}

interface BarsProps {
  title: string;
  rows: { name: string; value: number; shown: string; about: string }[];
  heads: string[];
  cells: string[][];
}

/** Lengths side by side, each with its number in words. */
function Bars({ title, rows, heads, cells }: BarsProps) {
  const sorted = rows.filter((row) => row.value > 0).sort((a, b) => b.value - a.value);
  const most = Math.max(...sorted.map((row) => row.value), 1);
  return (
    <Card title={title}>
      {sorted.length === 0 ? (
        <p className={styles.note}>{words.none}</p>
      ) : (
        <ul className={styles.bars}>
          {sorted.map((row) => (
            <li key={row.name}>
              <span className={styles.barName}>{row.name}</span>
              <span className={styles.barValue}>
                <strong>{row.shown}</strong> {row.about}
              </span>
              <span aria-hidden className={styles.track}>
                <span className={styles.fill} style={{ width: `${(100 * row.value) / most}%` }} />
              </span>
            </li>
          ))}
        </ul>
      )}
      <AsTable heads={heads} rows={cells} />
    </Card>
  );
}

function AsTable({ heads, rows }: { heads: string[]; rows: string[][] }) {
  if (rows.length === 0) return null;
  return (
    <details className={styles.asTable}>
      <summary>{words.asTable}</summary>
      <div className={styles.scroll}>
        <table>
          <thead>
            <tr>
              {heads.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([first, ...rest]) => (
              <tr key={first}>
                <th scope="row">{first}</th>
                {rest.map((cell, index) => (
                  <td key={heads[index + 1]}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function sum(column: Column): number {
  return column.completed + column.failed + column.canceled;
}

function day({ day }: { day: string }): string {
  return format.day(`${day}T12:00:00`);
}
