import { useQuery } from "@tanstack/react-query";
import { Lock, Plus, Printer, SearchX } from "lucide-react";
import { Link, useSearchParams } from "wouter";
import { useCan } from "@/api/queries";
import { driversQuery, entriesQuery } from "@/api/settings";
import { buttonClass, Empty, Failed, Loading } from "@/design";
import { Page } from "@/shell/Page";
import { text } from "@/text";
import { PrinterForm } from "./PrinterForm";
import { Printers } from "./Printers";

/** Every printer with its settings, for printing admins: `?add[=KIND]` adds one, `?edit=NAME` changes one. */
export default function SettingsPage() {
  const isAdmin = useCan()("admin", "all");
  const [query, setQuery] = useSearchParams();
  const entries = useQuery({ ...entriesQuery, enabled: isAdmin });
  const drivers = useQuery({ ...driversQuery, enabled: isAdmin });
  const words = text.settings;
  if (!isAdmin) {
    return (
      <Page title={words.title}>
        <Empty
          icon={<Lock aria-hidden />}
          title={words.noRole.title}
          actions={
            <Link href="/" className={buttonClass("primary")}>
              {words.noRole.action}
            </Link>
          }
        >
          {words.noRole.about}
        </Empty>
      </Page>
    );
  }
  const error = entries.error ?? drivers.error;
  if (!entries.data || !drivers.data) {
    return (
      <Page title={words.title}>
        {error ? (
          <Failed
            error={error}
            onRetry={() => {
              entries.refetch();
              drivers.refetch();
            }}
          />
        ) : (
          <Loading lines={8} />
        )}
      </Page>
    );
  }
  const edited = query.get("edit");
  if (edited !== null) {
    const entry = entries.data.find((one) => one.name === edited && one.source === "added");
    const driver = drivers.data.find((one) => one.driver === entry?.driver);
    if (entry && driver) {
      return <PrinterForm key={entry.name} entry={entry} drivers={[driver]} kind={driver.driver} />;
    }
    return (
      <Page title={words.title}>
        <Empty
          icon={<SearchX aria-hidden />}
          title={words.gone.title(edited)}
          actions={
            <Link href="/settings" className={buttonClass("primary")}>
              {words.gone.action}
            </Link>
          }
        >
          {words.gone.about}
        </Empty>
      </Page>
    );
  }
  const kind = query.get("add");
  if (kind !== null) {
    return (
      <PrinterForm
        key="added"
        drivers={drivers.data}
        kind={drivers.data.some((one) => one.driver === kind) ? kind : null}
        onKind={(next) => setQuery({ add: next }, { replace: true })}
      />
    );
  }
  const add = (
    <Link href="/settings?add" className={buttonClass("primary")}>
      <Plus aria-hidden />
      {words.add}
    </Link>
  );
  return (
    <Page title={words.title} about={words.count(entries.data.length)} actions={add}>
      {entries.data.length === 0 ? (
        <Empty icon={<Printer aria-hidden />} title={words.empty.title}>
          {words.empty.about}
        </Empty>
      ) : (
        <Printers entries={entries.data} drivers={drivers.data} />
      )}
    </Page>
  );
}
