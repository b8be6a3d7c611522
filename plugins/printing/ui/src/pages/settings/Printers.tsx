import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ellipsis, FlaskConical, Pencil, Power, Star, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { changed, type Driver, type PrinterEntry, removePrinter, switchPrinter } from "@/api/settings";
import { StatusBadge } from "@/cards/status";
import { Badge, buttonClass, Dialog, failed, IconButton, Menu, Notice, told, useConfirm } from "@/design";
import { useJobOf, usePrinter } from "@/live";
import { format, text } from "@/text";
import styles from "./Settings.module.css";
import { TrialResult, useTrial } from "./Trial";

/** All of them, those that are switched off too. */
export function Printers({
  entries,
  drivers,
}: {
  entries: readonly PrinterEntry[];
  drivers: readonly Driver[];
}) {
  return (
    <ul className={styles.list}>
      {entries.map((entry) => (
        <Entry
          key={entry.name}
          entry={entry}
          title={drivers.find((one) => one.driver === entry.driver)?.title ?? entry.driver}
        />
      ))}
    </ul>
  );
}

function Entry({ entry, title }: { entry: PrinterEntry; title: string }) {
  const words = text.settings;
  const live = usePrinter(entry.name);
  const hasJob = useJobOf(entry.name) !== undefined;
  const { name } = entry;
  const isAdded = entry.source === "added";
  const url = (entry.settings as Record<string, unknown>).url;
  return (
    <li className={styles.entry}>
      <div className={styles.about}>
        <div className={styles.head}>
          <h2>{live ? <Link href={`/printers/${encodeURIComponent(name)}`}>{name}</Link> : name}</h2>
          {entry.problem ? (
            <Badge tone="bad">{words.unusable}</Badge>
          ) : entry.enabled ? (
            live && <StatusBadge printer={live} />
          ) : (
            <Badge icon={<Power aria-hidden />}>{entry.inService ? words.leaving : words.off}</Badge>
          )}
          {entry.default && (
            <Badge tone="accent" icon={<Star aria-hidden />}>
              {words.isDefault}
            </Badge>
          )}
        </div>
        <p className={styles.facts}>
          <span>{title}</span>
          {typeof url === "string" && <span className={styles.address}>{url}</span>}
          <span>{words.source[entry.source]}</span>
          <History entry={entry} />
        </p>
        {entry.problem && <Notice tone="bad">{entry.problem}</Notice>}
        {!isAdded && <p className={styles.hint}>{words.inFile}</p>}
      </div>
      <Actions entry={entry} hasJob={hasJob} />
    </li>
  );
}

function History({ entry }: { entry: PrinterEntry }) {
  const words = text.settings;
  if (entry.updatedAt && entry.updatedBy && entry.updatedAt !== entry.createdAt) {
    return <span>{words.changedBy(entry.updatedBy, format.ago(entry.updatedAt))}</span>;
  }
  if (entry.createdAt && entry.createdBy) {
    return <span>{words.addedBy(entry.createdBy, format.ago(entry.createdAt))}</span>;
  }
  return null;
}

function Actions({ entry, hasJob }: { entry: PrinterEntry; hasJob: boolean }) {
  const words = text.settings;
  const { name } = entry;
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [ask, question] = useConfirm();
  const [isTested, setTested] = useState(false);
  const trial = useTrial();
  const change = useMutation({
    mutationFn: async ({ act, done }: { act: () => Promise<unknown>; done: string }) => {
      await act();
      await changed(queries);
      told(done);
    },
    onError: failed,
  });
  const why = entry.default ? words.actions.isDefault : hasJob ? words.actions.hasJob : null;
  const label = (action: string) => why?.(action) ?? action;
  return (
    <div className={styles.actions}>
      {entry.source === "added" && (
        <Link
          href={`/settings?edit=${encodeURIComponent(name)}`}
          className={buttonClass()}
          aria-label={`${words.actions.edit} ${name}`}
        >
          <Pencil aria-hidden />
          {words.actions.edit}
        </Link>
      )}
      <Menu
        trigger={
          <IconButton label={words.more(name)} busy={change.isPending}>
            <Ellipsis aria-hidden />
          </IconButton>
        }
        choices={[
          {
            label: words.actions.test,
            icon: <FlaskConical aria-hidden />,
            onSelect: () => {
              setTested(true);
              trial.run(name, null);
            },
          },
          entry.default
            ? null
            : {
                label: words.actions.makeDefault,
                icon: <Star aria-hidden />,
                onSelect: () =>
                  change.mutate({
                    act: () => switchPrinter(name, { default: true }),
                    done: words.done.default(name),
                  }),
              },
          entry.enabled
            ? {
                label: label(words.actions.disable),
                icon: <Power aria-hidden />,
                disabled: why !== null,
                onSelect: () =>
                  change.mutate({
                    act: () => switchPrinter(name, { enabled: false }),
                    done: words.done.disabled(name),
                  }),
              }
            : {
                label: words.actions.enable,
                icon: <Power aria-hidden />,
                onSelect: () =>
                  change.mutate({
                    act: () => switchPrinter(name, { enabled: true }),
                    done: words.done.enabled(name),
                  }),
              },
          entry.source === "added"
            ? {
                label: label(words.actions.remove),
                icon: <Trash2 aria-hidden />,
                disabled: why !== null,
                dangerous: true,
                onSelect: () =>
                  ask({
                    title: words.remove.title(name),
                    description: words.remove.about,
                    action: words.remove.action,
                    dangerous: true,
                    onYes: () =>
                      change.mutate({ act: () => removePrinter(name), done: words.done.removed(name) }),
                  }),
              }
            : null,
        ]}
      />
      {question}
      <Dialog open={isTested} onClose={() => setTested(false)} title={text.settings.trial.title(name)}>
        <TrialResult trial={trial} />
        {entry.source === "added" && trial.result && !trial.result.ok && (
          <button
            type="button"
            className={buttonClass("primary")}
            onClick={() => navigate(`/settings?edit=${encodeURIComponent(name)}`)}
          >
            {words.actions.edit}
          </button>
        )}
      </Dialog>
    </div>
  );
}
