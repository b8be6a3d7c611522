import { useQuery, useQueryClient } from "@tanstack/react-query";
import {
  CircleCheck,
  CircleX,
  ExternalLink,
  LoaderCircle,
  Lock,
  RotateCcw,
  TriangleAlert,
} from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { Problem } from "@/api/problem";
import { type Health, healthQuery, whoQuery } from "@/api/queries";
import { Button, Card, Empty, IconButton, Loading, Notice } from "@/design";
import { useLive } from "@/live";
import { LinkBadge } from "@/shell/LinkBadge";
import { Page } from "@/shell/Page";
import { ownWindow } from "@/shell/place";
import { format, text } from "@/text";
import styles from "./Health.module.css";
import { PluginCard } from "./PluginCard";
import { Printers } from "./Printers";
import { StatusBadge, Steps } from "./parts";

const words = text.health;

/** How the gateway and its parts are, and what to do about what isn't well. */
export default function HealthPage() {
  const health = useQuery(healthQuery);
  const queries = useQueryClient();
  const problem = health.error && Problem.from(health.error);
  const isRefused = problem?.status === 403;
  const look = () => Promise.all([health.refetch(), queries.invalidateQueries({ queryKey: ["me"] })]);
  return (
    <Page
      title={text.nav.health}
      actions={
        <>
          <Button icon={<RotateCcw aria-hidden />} busy={health.isFetching} onClick={look}>
            {words.look}
          </Button>
          <IconButton
            label={text.common.newWindow}
            onClick={() => window.open(ownWindow(), "_blank", "noopener")}
          >
            <ExternalLink aria-hidden />
          </IconButton>
        </>
      }
    >
      {isRefused ? (
        <Empty icon={<Lock aria-hidden />} title={words.notShown.title}>
          {words.notShown.about}
        </Empty>
      ) : (
        <>
          <Overall health={health.data} isAway={problem !== null} />
          {health.isPending && !problem && <Loading lines={6} />}
          {health.data && (
            <Parts health={health.data} lookedAt={health.dataUpdatedAt} isOld={problem !== null} />
          )}
        </>
      )}
    </Page>
  );
}

type Overall = keyof typeof words.overall;

const PICTURES: Record<Overall, [string, typeof CircleCheck]> = {
  ok: ["good", CircleCheck],
  degraded: ["warn", TriangleAlert],
  unavailable: ["bad", CircleX],
  away: ["bad", CircleX],
  starting: ["warn", LoaderCircle],
  stopping: ["warn", LoaderCircle],
};

function Overall({ health, isAway }: { health: Health | undefined; isAway: boolean }) {
  if (!health && !isAway) return null;
  const is: Overall = isAway || !health ? "away" : health.state !== "running" ? health.state : health.status;
  const [tone, Picture] = PICTURES[is];
  return (
    <section className={`${styles.overall} ${styles[tone]}`} role="status">
      <Picture aria-hidden />
      <div>
        <h2>{words.overall[is]}</h2>
        <p>{is === "away" && !health ? words.about.awayFirst : words.about[is]}</p>
        {is === "away" && <Steps steps={words.awaySteps} />}
      </div>
    </section>
  );
}

function Parts({ health, lookedAt, isOld }: { health: Health; lookedAt: number; isOld: boolean }) {
  const { data: who } = useQuery(whoQuery);
  const isAdmin = Boolean(who?.roles.includes("admin"));
  return (
    <>
      {health.access === "insecure" && <Notice tone="warn">{words.insecure}</Notice>}
      <div className={`${styles.grid} ${isOld ? styles.old : ""}`}>
        <Printers />
        {Object.entries(health.plugins).map(([name, plugin]) => (
          <PluginCard key={name} name={name} plugin={plugin} />
        ))}
        <Gateway health={health} lookedAt={lookedAt} />
        {isAdmin && <More />}
      </div>
    </>
  );
}

function Gateway({ health, lookedAt }: { health: Health; lookedAt: number }) {
  const link = useLive((s) => s.link);
  const silentSince = useLive((s) => s.silentSince);
  useTick();
  return (
    <Card title={words.facts.title}>
      <dl className={styles.facts}>
        <Fact label={words.facts.version}>{health.version}</Fact>
        <Fact label={words.facts.uptime}>
          {format.duration(health.uptime + (Date.now() - lookedAt) / 1000)}
        </Fact>
        <Fact label={words.facts.access}>{words.access[health.access] ?? health.access}</Fact>
        <Fact label={words.database}>
          <StatusBadge status={health.database.status} />
          <span className={styles.detail}>{health.database.detail || words.databaseUp}</span>
          {health.database.status !== "up" && <Steps steps={words.databaseSteps} />}
        </Fact>
        <Fact label={words.facts.looked}>{format.ago(lookedAt)}</Fact>
        <Fact label={words.facts.live}>
          <LinkBadge />
          <span className={styles.detail}>
            {text.link.about[link]}
            {silentSince !== null && ` ${words.facts.silentSince(format.moment(silentSince))}`}
          </span>
        </Fact>
      </dl>
    </Card>
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

const LINKS = [
  ["/-/metrics", words.more.metrics, words.more.metricsAbout],
  ["/-/openapi.json", words.more.openapi, words.more.openapiAbout],
  ["/-/health", words.more.json, words.more.jsonAbout],
] as const;

function More() {
  return (
    <Card title={words.more.title}>
      <ul className={styles.links}>
        {LINKS.map(([path, name, about]) => (
          <li key={path} className={styles.link}>
            <a href={path} target="_blank" rel="noopener">
              {name}
            </a>
            <span className={styles.detail}>{about}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

const TICK_MS = 5_000;

/** Show it anew every few seconds: how long ago something was. */
function useTick() {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => setTick((tick) => tick + 1), TICK_MS);
    return () => clearInterval(timer);
  }, []);
}
