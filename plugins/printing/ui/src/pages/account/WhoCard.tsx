import { useQuery } from "@tanstack/react-query";
import { LogOut } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Who } from "@/api/account";
import { healthQuery } from "@/api/queries";
import { Button, Card, failed, Notice, useConfirm } from "@/design";
import { mount } from "@/shell/place";
import { signOut } from "@/shell/session";
import { text } from "@/text";
import styles from "./Account.module.css";

const words = text.account;

export function WhoCard({ who }: { who: Who }) {
  const { data: health } = useQuery(healthQuery);
  return (
    <Card title={words.who}>
      {who.open && (
        <Notice tone={health?.access === "insecure" ? "warn" : "info"}>
          <strong>{words.openTitle}</strong> {health?.access === "insecure" ? words.insecure : words.open}
        </Notice>
      )}
      <dl className={styles.facts}>
        <Fact label={words.name}>{who.name || who.id}</Fact>
        <Fact label={words.id}>
          <code>{who.id}</code>
        </Fact>
        <Fact label={words.method}>{words.methods[who.method] ?? who.method}</Fact>
        <Fact label={words.roles}>{listed(who.roles)}</Fact>
        {who.groups.length > 0 && <Fact label={words.groups}>{listed(who.groups)}</Fact>}
        {!who.open && (
          <Fact label={words.scopes}>{who.scopes === null ? words.unrestricted : listed(who.scopes)}</Fact>
        )}
      </dl>
      {who.method === "session" ? (
        <SignOut />
      ) : (
        !who.open && <p className={styles.about}>{words.signOutByHeader}</p>
      )}
    </Card>
  );
}

function SignOut() {
  const [busy, setBusy] = useState<"here" | "everywhere" | null>(null);
  const [ask, question] = useConfirm();
  const leave = async (everywhere: boolean) => {
    setBusy(everywhere ? "everywhere" : "here");
    try {
      await signOut({ everywhere });
      // the page anew: nothing of what this caller saw stays
      location.assign(`${mount}/`);
    } catch (error) {
      failed(error);
      setBusy(null);
    }
  };
  return (
    <div className={styles.buttons}>
      <Button icon={<LogOut aria-hidden />} busy={busy === "here"} onClick={() => leave(false)}>
        {words.signOut}
      </Button>
      <Button
        look="quiet"
        busy={busy === "everywhere"}
        onClick={() =>
          ask({
            title: words.signOutTitle,
            description: words.signOutAbout,
            action: words.signOutEverywhere,
            dangerous: true,
            onYes: () => leave(true),
          })
        }
      >
        {words.signOutEverywhere}
      </Button>
      {question}
    </div>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function listed(names: readonly string[]): string {
  return names.length > 0 ? [...names].sort().join(", ") : words.none;
}
