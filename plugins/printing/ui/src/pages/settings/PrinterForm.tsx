import { useQueryClient } from "@tanstack/react-query";
import { ArrowLeft, FlaskConical, Save } from "lucide-react";
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { Problem } from "@/api/problem";
import {
  addPrinter,
  changed,
  changePrinter,
  type Driver,
  entriesQuery,
  type PrinterEntry,
  type Settings,
} from "@/api/settings";
import { Button, Card, Notice, Switch, TextField, told } from "@/design";
import { useJobOf } from "@/live";
import { Page } from "@/shell/Page";
import { text } from "@/text";
import {
  type Draft,
  draftOf,
  type Errors,
  fieldOf,
  fieldsOf,
  leadsElsewhere,
  nameError,
  SECTIONS,
  type Section,
  settingsOf,
} from "./fields";
import { Guide } from "./Guide";
import { Input } from "./Input";
import { Kinds } from "./Kinds";
import { useLeaving } from "./leaving";
import styles from "./Settings.module.css";
import { TrialResult, useTrial } from "./Trial";

interface Props {
  /** The printer that is changed; without it one is added. */
  entry?: PrinterEntry;
  drivers: readonly Driver[];
  kind: string | null;
  onKind?: (kind: string) => void;
}

/** What a person entered; for every kind that was chosen, so that another choice loses nothing. */
interface Entered {
  name: string;
  isDefault: boolean;
  draft: Draft;
}

/** Adding a printer, or changing one: its kind, how it is reached, what it can do; tested before it is kept. */
export function PrinterForm({ entry, drivers, kind, onKind }: Props) {
  const words = text.settings.form;
  const queries = useQueryClient();
  const [entered, setEntered] = useState<Entered>({ name: "", isDefault: false, draft: {} });
  // as it was when it was opened: what is entered must not vanish because somebody else saves
  const [shown, setShown] = useState(entry);
  const driver = drivers.find((one) => one.driver === kind);
  const reload = async () => {
    await changed(queries);
    const now = queries.getQueryData(entriesQuery.queryKey)?.find((one) => one.name === entry?.name);
    if (!now) return;
    setShown(now);
    setEntered((before) => ({ ...before, draft: {} }));
  };
  const back = (
    <Link href="/settings" className={styles.back}>
      <ArrowLeft aria-hidden />
      {words.back}
    </Link>
  );
  return (
    <Page title={entry ? words.editTitle(entry.name) : words.addTitle} above={back}>
      {!entry && <Kinds drivers={drivers} kind={kind} onKind={onKind} />}
      {driver && (
        <Form
          key={`${driver.driver} ${shown?.revision}`}
          driver={driver}
          entry={shown}
          entered={entered}
          onEnter={setEntered}
          onReload={reload}
        />
      )}
    </Page>
  );
}

interface FormProps {
  driver: Driver;
  entry: PrinterEntry | undefined;
  entered: Entered;
  onEnter: (change: (before: Entered) => Entered) => void;
  onReload: () => void;
}

function Form({ driver, entry, entered, onEnter, onReload }: FormProps) {
  const words = text.settings.form;
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const fields = useMemo(() => fieldsOf(driver), [driver]);
  const before = (entry?.settings ?? {}) as Settings;
  const [first] = useState(() => draftOf(fields, before));
  const { name, isDefault } = entered;
  const draft = { ...first, ...entered.draft };
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isSaving, setSaving] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const isDirty =
    name !== "" || isDefault || Object.entries(draft).some(([key, value]) => value !== (first[key] ?? ""));
  const [free, question] = useLeaving(isDirty);
  const hasJob = useJobOf(entry?.name ?? "") !== undefined;
  const kept = entry?.secrets ?? [];
  const isElsewhere = leadsElsewhere(before.url, draft.url);

  const isToShow = useRef(false);
  const show = (wrong: Errors) => {
    isToShow.current = Object.keys(wrong).length > 0;
    setErrors(wrong);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once they stand in the page
  useEffect(() => {
    if (!isToShow.current) return;
    isToShow.current = false;
    const at = form.current?.querySelector<HTMLElement>('[aria-invalid="true"], [role="alert"]');
    at?.closest("details")?.setAttribute("open", "");
    at?.scrollIntoView({ block: "center" });
    at?.focus();
  }, [errors]);
  const refused = (said: Problem) => {
    const field =
      said.status === 422 || said.status === 400 || said.code === "PRINTER_EXISTS"
        ? fieldOf(said.code === "PRINTER_EXISTS" ? "name" : said.field, said.message, fields)
        : null;
    if (field) show({ [field]: said.message });
    else setProblem(said);
    return field !== null;
  };
  const trial = useTrial((said) => {
    if (refused(said)) trial.forget();
  });

  const found = useRef<HTMLDivElement>(null);
  const { isRunning, result } = trial;
  useEffect(() => {
    // on a phone it stands below all fields
    if (isRunning || result) found.current?.scrollIntoView({ block: "nearest" });
  }, [isRunning, result]);

  const change = (key: string, value: string | null) => {
    onEnter((before) => ({ ...before, draft: { ...before.draft, [key]: value } }));
    const [field = key] = key.split(".");
    setErrors(({ [field]: _, ...others }) => others);
    trial.forget();
  };

  /** The settings as entered; null when something can't be right, which is shown. */
  const meant = (needsName: boolean): Settings | null => {
    setProblem(null);
    const [settings, wrong] = settingsOf(driver.driver, fields, draft, kept);
    const wrongName = needsName && !entry ? nameError(name.trim()) : null;
    const all = { ...(wrongName && { name: wrongName }), ...wrong };
    show(all);
    return Object.keys(all).length === 0 ? settings : null;
  };

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const settings = meant(true);
    if (!settings) return;
    setSaving(true);
    try {
      const saved = entry
        ? await changePrinter(entry.name, settings, entry.revision)
        : await addPrinter(name.trim(), settings, isDefault);
      free();
      await changed(queries);
      told(entry ? text.settings.done.saved(saved.name) : text.settings.done.added(saved.name));
      if (form.current) navigate("/settings"); // whoever went elsewhere meanwhile stays there
    } catch (error) {
      refused(Problem.from(error));
    } finally {
      setSaving(false);
    }
  };
  const test = () => {
    const settings = meant(false);
    if (settings) trial.run(entry?.name ?? null, settings);
  };

  const inputs = (section: Section) =>
    fields
      .filter((field) => field.section === section)
      .map((field) => (
        <Input
          key={field.key}
          field={field}
          draft={draft}
          error={errors[field.key]}
          isKept={kept.includes(field.key)}
          isStranded={isElsewhere && kept.includes(field.key)}
          onChange={change}
        />
      ));

  return (
    <form ref={form} className={styles.form} onSubmit={save} noValidate>
      <div className={styles.sections}>
        {hasJob && <Notice>{words.running}</Notice>}
        {SECTIONS.map((section) => {
          const its = inputs(section);
          const about = words.about[section];
          const hasName = section === "connection" && !entry;
          if (its.length === 0 && !hasName) return null;
          if (section === "advanced") {
            return (
              <details key={section} className={styles.more}>
                <summary>
                  {words.sections[section]} <span className={styles.summary}>{about}</span>
                </summary>
                <div className={styles.fields}>{its}</div>
              </details>
            );
          }
          return (
            <Card key={section} title={words.sections[section]}>
              {about && <p className={styles.hint}>{about}</p>}
              <div className={styles.fields}>
                {hasName && (
                  <TextField
                    {...words.name}
                    name="name"
                    value={name}
                    error={errors.name}
                    autoComplete="off"
                    onChange={(event) => {
                      const { value } = event.target;
                      onEnter((before) => ({ ...before, name: value }));
                      setErrors(({ name: _, ...others }) => others);
                    }}
                  />
                )}
                {its}
              </div>
              {section === "behaviour" && !entry && (
                <Switch
                  label={words.makeDefault}
                  hint={words.makeDefaultHint}
                  checked={isDefault}
                  onChange={(value) => onEnter((before) => ({ ...before, isDefault: value }))}
                />
              )}
            </Card>
          );
        })}
      </div>
      <div className={styles.side}>
        <Guide driver={driver.driver} title={driver.title} />
        {(trial.isRunning || trial.result || trial.error) && (
          <div ref={found} className={styles.found}>
            <Card title={text.settings.trial.heading}>
              <TrialResult trial={trial} />
            </Card>
          </div>
        )}
      </div>
      <div className={styles.foot}>
        {problem?.code === "PRINTER_CHANGED" ? (
          <Notice
            tone="warn"
            actions={
              <Button
                onClick={() => {
                  free();
                  onReload();
                }}
              >
                {words.conflict.action}
              </Button>
            }
          >
            <strong>{words.conflict.title}</strong> {words.conflict.about}
          </Notice>
        ) : (
          problem && (
            <Notice tone="bad">
              <strong>{problem.title}.</strong> {problem.message}
            </Notice>
          )
        )}
        {Object.keys(errors).length > 0 && <p className={styles.wrong}>{words.mend}</p>}
        <Button icon={<FlaskConical aria-hidden />} busy={trial.isRunning} onClick={test}>
          {trial.result ? words.testAgain : words.test}
        </Button>
        <Button type="submit" look="primary" icon={<Save aria-hidden />} busy={isSaving}>
          {entry ? words.save : words.saveNew}
        </Button>
      </div>
      {question}
    </form>
  );
}
