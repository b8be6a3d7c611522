import { useQuery } from "@tanstack/react-query";
import { FilterX } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { JobStats, Result } from "@/api/history";
import { optionsQuery } from "@/api/queries";
import type { JobItem } from "@/api/types";
import { Button, Segments, SelectField, TextField, useMedia } from "@/design";
import { usePrinterNames } from "@/live";
import { text } from "@/text";
import { CLEARED, chosen, isBackwards, isNarrowed, localDay, RANGES, type Wanted } from "./filters";
import styles from "./History.module.css";

const words = text.history.filters;
const SEARCH_MS = 300;

interface Props {
  wanted: Wanted;
  stats: JobStats | undefined;
  jobs: readonly JobItem[] | undefined;
  onChange: (changed: Partial<Wanted>, how?: { replace?: boolean }) => void;
}

export function Filters({ wanted, stats, jobs, onChange }: Props) {
  const { data: options } = useQuery(optionsQuery);
  const printers = all(
    usePrinterNames(),
    stats?.printers.map((one) => one.printer),
    wanted.printer,
  );
  const materials = all(
    options?.materials.map((one) => one.type),
    stats?.materials.map((one) => one.material),
    wanted.material,
  );
  const set = (name: "status" | "printer" | "material" | "project", value: string) =>
    onChange({ [name]: value || undefined });
  const projects = new Map(jobs?.flatMap((job) => (job.projectId ? [[job.projectId, job.projectName]] : [])));
  if (wanted.project && !projects.has(wanted.project)) projects.set(wanted.project, null);
  const isNarrow = useMedia("(max-width: 40rem)");
  const choices = (
    <>
      <SelectField
        label={words.status}
        value={wanted.status ?? ""}
        onChange={(event) => set("status", event.target.value)}
      >
        <option value="">{words.any}</option>
        {(["completed", "failed", "canceled"] satisfies Result[]).map((status) => (
          <option key={status} value={status}>
            {text.history.results[status]}
          </option>
        ))}
      </SelectField>
      <Choice
        label={words.printer}
        value={wanted.printer}
        choices={printers.map((name) => [name, name])}
        onChange={(value) => set("printer", value)}
      />
      <Choice
        label={words.material}
        value={wanted.material}
        choices={materials.map((name) => [name, name])}
        onChange={(value) => set("material", value)}
      />
      {projects.size > 0 && (
        <Choice
          label={words.project}
          value={wanted.project}
          choices={[...projects].map(([id, name]) => [id, name ?? id])}
          onChange={(value) => set("project", value)}
        />
      )}
    </>
  );
  return (
    <search className={styles.filters} aria-label={words.label}>
      <Search value={wanted.search ?? ""} onChange={(search) => onChange({ search }, { replace: true })} />
      {isNarrow ? (
        <details className={styles.fold}>
          <summary>{words.more(chosen(wanted))}</summary>
          <div>{choices}</div>
        </details>
      ) : (
        choices
      )}
      <div className={styles.range}>
        <Segments
          label={words.range}
          value={wanted.range}
          choices={RANGES.map((value) => ({ value, label: words.ranges[value] ?? value }))}
          onChange={(range) =>
            onChange({ range, ...(range === "custom" && !wanted.from && { from: lastMonth() }) })
          }
        />
      </div>
      {wanted.range === "custom" && (
        <>
          <TextField
            label={words.from}
            type="date"
            value={wanted.from ?? ""}
            error={isBackwards(wanted) ? words.wrongRange : null}
            onChange={(event) => onChange({ from: event.target.value })}
          />
          <TextField
            label={words.to}
            type="date"
            value={wanted.to ?? ""}
            onChange={(event) => onChange({ to: event.target.value })}
          />
        </>
      )}
      {isNarrowed(wanted) && (
        <Button look="quiet" icon={<FilterX aria-hidden />} onClick={() => onChange(CLEARED)}>
          {words.clear}
        </Button>
      )}
    </search>
  );
}

interface ChoiceProps {
  label: string;
  value: string | undefined;
  /** Values with what is shown of them. */
  choices: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}

function Choice({ label, value, choices, onChange }: ChoiceProps) {
  return (
    <SelectField label={label} value={value ?? ""} onChange={(event) => onChange(event.target.value)}>
      <option value="">{words.any}</option>
      {choices.map(([one, shown]) => (
        <option key={one} value={one}>
          {shown}
        </option>
      ))}
    </SelectField>
  );
}

/** Asks a moment after the last letter, not with each. */
function Search({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  const timer = useRef<number>(undefined);
  if (known !== value) {
    setKnown(value);
    setTyped(value);
  }
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <TextField
      label={words.search}
      type="search"
      placeholder={words.searchHint}
      maxLength={255}
      value={typed}
      onChange={(event) => {
        const next = event.target.value;
        setTyped(next);
        clearTimeout(timer.current);
        timer.current = window.setTimeout(() => onChange(next.trim()), SEARCH_MS);
      }}
    />
  );
}

function all(...groups: (readonly (string | null | undefined)[] | string | undefined)[]): string[] {
  return [...new Set(groups.flat().filter((name): name is string => Boolean(name)))];
}

function lastMonth(): string {
  const now = new Date();
  return localDay(new Date(now.getFullYear(), now.getMonth() - 1, now.getDate()));
}
