import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Printer } from "lucide-react";
import { type FormEvent, useEffect, useId, useState } from "react";
import { useLocation } from "wouter";
import { Problem } from "@/api/problem";
import { fileQuery, optionsQuery, useCan, useIsNative } from "@/api/queries";
import { addToQueue, type EstimateRequest, estimateQuery, freshKey } from "@/api/queue";
import type { FileView } from "@/api/types";
import { Button, Dialog, Failed, Loading, Notice, SelectField, TextField, told } from "@/design";
import { useLive } from "@/live";
import { text } from "@/text";
import { ProjectField } from "../ProjectField";
import { EstimateView } from "./EstimateView";
import { needsOf, slicedMaterial } from "./fit";
import { Options } from "./Options";
import styles from "./PrintDialog.module.css";
import { PRIORITIES, priorityName } from "./priority";
import { Target } from "./Target";
import { useDebounced } from "./useDebounced";

export interface PrintInitial {
  material?: string | null;
  copies?: number;
  printer?: string | null;
  /** Its id. */
  project?: string | null;
}

interface Props {
  open: boolean;
  onClose: () => void;
  filename: string;
  initial?: PrintInitial;
}

/** Asks how a file is to be printed, says what that will take, and puts it in the queue. */
export function PrintDialog(props: Props) {
  const { open, filename } = props;
  const [round, setRound] = useState({ open, count: 0 });
  if (round.open !== open) setRound({ open, count: round.count + (open ? 1 : 0) });
  return <Opened key={`${round.count} ${filename}`} {...props} />;
}

const said = text.print;
const AT_FIELDS = new Set(["copies", "priority", "project_id", "printer", "material_type"]);
type When = "queue" | "now" | "hold";

function Opened({ open, onClose, filename, initial }: Props) {
  const [key] = useState(freshKey);
  const [material, setMaterial] = useState(initial?.material ?? "");
  const [quality, setQuality] = useState<EstimateRequest["quality"]>("standard");
  const [copies, setCopies] = useState(String(initial?.copies ?? 1));
  const [priority, setPriority] = useState(0);
  const [printer, setPrinter] = useState<string | null>(initial?.printer ?? null);
  const [project, setProject] = useState(initial?.project ?? "");
  const [when, setWhen] = useState<When>("queue");
  const [attempts, setAttempts] = useState(0);
  const form = useId();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const can = useCan();
  const isNative = useIsNative();
  const file = useQuery({ ...fileQuery(filename), enabled: open && isNative });
  const shown = file.data;
  const options = useQuery({ ...optionsQuery, enabled: open });
  const number = /^\d+$/.test(copies.trim()) ? Number(copies) : Number.NaN;
  const isCounted = number >= 1 && number <= 100;

  const add = useMutation({
    mutationFn: () =>
      addToQueue(
        {
          filename,
          priority,
          print_settings: { quality },
          ...(material && { material_type: material }),
          ...(project.trim() && { project_id: project.trim() }),
          ...(when === "now" && { print: true }),
          ...(isNative && { copies: number, on_hold: when === "hold", printer }),
        },
        key,
      ),
    onSuccess: (added) => {
      queries.invalidateQueries({ queryKey: ["queue"] });
      told(added.started ? said.started(filename) : said.queued(filename, isNative ? number : 1), {
        ...(added.waiting && { description: said.waits(added.waiting) }),
        action: { label: said.toQueue, onSelect: () => navigate("/queue") },
      });
      onClose();
    },
  });
  const problem = add.error ? Problem.from(add.error) : null;
  const errorAt = (field: string) => (problem?.field === field ? problem.message : null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: after each attempt, and each answer
  useEffect(() => {
    document.getElementById(form)?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [form, attempts, add.error]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAttempts(attempts + 1);
    if (isCounted && !add.isPending) add.mutate();
  };

  const failure = (isNative ? file.error : null) ?? options.error;
  const isReady = options.data !== undefined && (!isNative || shown !== undefined);
  const may = can("operator", "any");
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={said.title}
      wide
      actions={
        isReady && may ? (
          <>
            <Button onClick={onClose}>{text.common.cancel}</Button>
            <Button
              look="primary"
              type="submit"
              form={form}
              busy={add.isPending}
              icon={<Printer aria-hidden />}
            >
              {said.submit[when]}
            </Button>
          </>
        ) : undefined
      }
    >
      {!may ? (
        <Notice tone="warn">{said.nobody}</Notice>
      ) : failure ? (
        <Failed error={failure} onRetry={() => void Promise.all([file.refetch(), options.refetch()])} />
      ) : !isReady ? (
        <Loading lines={8} />
      ) : (
        <form id={form} onSubmit={submit} noValidate className={styles.form}>
          <aside className={styles.aside}>
            <About
              filename={filename}
              file={shown}
              wanted={{ material, quality, copies: isCounted ? number : 1, printer }}
            />
          </aside>
          <div className={styles.fields}>
            {problem && !AT_FIELDS.has(problem.field ?? "") && (
              <Notice tone="bad">
                <strong>{problem.title}.</strong> {problem.message}
              </Notice>
            )}
            <div className={styles.pair}>
              {isNative && (
                <TextField
                  label={said.copies}
                  type="number"
                  inputMode="numeric"
                  min={1}
                  max={100}
                  required
                  value={copies}
                  onChange={(event) => setCopies(event.target.value)}
                  hint={said.copiesHint}
                  error={
                    errorAt("copies") ??
                    (!isCounted && (attempts > 0 || copies !== "") ? said.copiesWrong : null)
                  }
                />
              )}
              <SelectField
                label={said.priority}
                value={priority}
                onChange={(event) => setPriority(Number(event.target.value))}
                error={errorAt("priority")}
              >
                {PRIORITIES.map((one) => (
                  <option key={one} value={one}>
                    {priorityName(one)}
                  </option>
                ))}
              </SelectField>
              <Material
                file={shown}
                types={options.data.materials.map((one) => one.type)}
                value={material}
                onChange={setMaterial}
                error={errorAt("material_type")}
              />
              <SelectField
                label={said.quality}
                hint={said.qualityHint}
                value={quality}
                onChange={(event) => setQuality(event.target.value as EstimateRequest["quality"])}
              >
                {options.data.qualities.map((one) => (
                  <option key={one} value={one}>
                    {said.qualities[one] ?? one}
                  </option>
                ))}
              </SelectField>
            </div>
            {isNative && (
              <Target
                needs={shown ? needsOf(shown, material || null) : null}
                value={printer}
                onChange={setPrinter}
                error={errorAt("printer")}
              />
            )}
            <Options
              legend={said.when}
              value={when}
              onChange={setWhen}
              choices={[
                { value: "queue", label: said.queue, about: said.queueHint },
                { value: "now", label: said.now, about: said.nowHint },
                ...(isNative ? [{ value: "hold" as const, label: said.hold, about: said.holdHint }] : []),
              ]}
            />
            <ProjectField isOptional value={project} onChange={setProject} error={errorAt("project_id")} />
          </div>
        </form>
      )}
    </Dialog>
  );
}

function Material({
  file,
  types,
  value,
  onChange,
  error,
}: {
  file: FileView | undefined;
  types: string[];
  value: string;
  onChange: (material: string) => void;
  error: string | null;
}) {
  const sliced = file ? slicedMaterial(file) : null;
  const isOther = value !== "" && sliced !== null && value.toLowerCase() !== sliced.toLowerCase();
  const offered = value === "" || types.includes(value) ? types : [value, ...types];
  return (
    <SelectField
      label={said.material}
      hint={isOther ? said.materialOther(sliced) : undefined}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      error={error}
    >
      <option value="">{said.materialOfFile(sliced)}</option>
      {offered.map((type) => (
        <option key={type} value={type}>
          {type}
        </option>
      ))}
    </SelectField>
  );
}

function About({
  filename,
  file,
  wanted,
}: {
  filename: string;
  file: FileView | undefined;
  wanted: { material: string; quality: EstimateRequest["quality"]; copies: number; printer: string | null };
}) {
  const asked = useDebounced(
    JSON.stringify({
      filename,
      quality: wanted.quality,
      copies: wanted.copies,
      printer: wanted.printer,
      ...(wanted.material && { material: wanted.material }),
    }),
  );
  const request = JSON.parse(asked) as { filename: string };
  const isKnown = useLive((s) => !wanted.printer || s.printers[wanted.printer] !== undefined);
  const estimate = useQuery({
    ...estimateQuery(request),
    enabled: isKnown,
    placeholderData: keepPreviousData,
  });
  return (
    <EstimateView
      filename={filename}
      file={file}
      copies={wanted.copies}
      estimate={estimate.data}
      error={estimate.error}
      isStale={estimate.isPlaceholderData || estimate.isFetching}
      onRetry={() => void estimate.refetch()}
    />
  );
}
