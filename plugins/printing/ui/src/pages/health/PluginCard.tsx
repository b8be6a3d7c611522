import type { Check, PluginHealth, Upstream } from "@/api/queries";
import { Card, Notice } from "@/design";
import { format, text } from "@/text";
import styles from "./Health.module.css";
import { StatusBadge, Steps } from "./parts";

const words = text.health;

/** One plugin: its checks, its connections, and why it is out of service. */
export function PluginCard({ name, plugin }: { name: string; plugin: PluginHealth }) {
  const { quarantine } = plugin;
  const checks = Object.entries(plugin.checks);
  const upstreams = Object.entries(plugin.upstreams);
  return (
    <Card title={words.pluginNames[name] ?? name} actions={<StatusBadge status={plugin.status} />}>
      {quarantine && (
        <>
          <Notice tone="bad">
            {words.quarantine} {quarantine.reason}
          </Notice>
          <Steps steps={words.stages[quarantine.stage] ?? []} />
        </>
      )}
      {checks.length > 0 && (
        <ul className={styles.rows}>
          {checks.map(([one, check]) => (
            <CheckRow key={one} name={one} check={check} />
          ))}
        </ul>
      )}
      {upstreams.length > 0 && (
        <>
          <h3>{words.upstreams}</h3>
          <ul className={styles.rows}>
            {upstreams.map(([one, upstream]) => (
              <UpstreamRow key={one} name={one} upstream={upstream} />
            ))}
          </ul>
        </>
      )}
      {plugin.version && <p className={styles.detail}>{words.pluginVersion(plugin.version)}</p>}
    </Card>
  );
}

function CheckRow({ name, check }: { name: string; check: Check }) {
  const known = words.checks[name];
  const age = check.age < 1 ? words.justNow : words.checked(format.duration(check.age));
  return (
    <li>
      <div className={styles.row}>
        <span className={styles.name}>{known?.name ?? name}</span>
        <StatusBadge status={check.status} />
      </div>
      <p className={styles.detail}>
        {[check.detail, check.critical && words.critical, age].filter(Boolean).join(" · ")}
      </p>
      {check.status !== "up" && <Steps steps={known?.steps ?? []} />}
    </li>
  );
}

function UpstreamRow({ name, upstream }: { name: string; upstream: Upstream }) {
  const isWell = !upstream.is_down && upstream.circuit === "closed";
  return (
    <li>
      <div className={styles.row}>
        <span className={styles.name}>{name}</span>
        <StatusBadge status={upstream.is_down ? "down" : upstream.circuit} />
      </div>
      <p className={styles.detail}>
        {words.upstreamUse(upstream.in_use, upstream.max_connections)}
        {upstream.waiting > 0 && ` · ${words.upstreamWaiting(upstream.waiting)}`}
      </p>
      {!isWell && <Steps steps={words.upstreamSteps} />}
    </li>
  );
}
