import { Link } from "wouter";
import { PrinterCard } from "@/cards/PrinterCard";
import { Loading } from "@/design";
import { useLive, usePrinterNames } from "@/live";
import { Page } from "@/shell/Page";
import { text } from "@/text";
import styles from "./Overview.module.css";

/** Every printer at a glance. */
export function Overview() {
  const names = usePrinterNames();
  const isKnown = useLive((s) => s.order !== null);
  return (
    <Page title={text.nav.overview}>
      {isKnown ? (
        <ul className={styles.grid}>
          {names.map((name) => (
            <li key={name}>
              <PrinterCard
                name={name}
                link={() => <Link href={`/printers/${encodeURIComponent(name)}`}>{name}</Link>}
              />
            </li>
          ))}
        </ul>
      ) : (
        <Loading lines={8} />
      )}
    </Page>
  );
}
