/** What is asked of the gateway, under which key it is kept, and how long it counts as fresh. What is live isn't here:
 * see `live/`. */
import { MutationCache, QueryCache, QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { isProxied, setBackend } from "./backend";
import { address, api, callHeaders, isForeign, ok } from "./client";
import { readFile } from "./fluxprint/files";
import { readQueue } from "./fluxprint/queue";
import { Problem } from "./problem";
import type { FileView, Role } from "./types";

export function makeQueryClient(): QueryClient {
  // whoever isn't signed in any more is asked to sign in, whatever it was that was refused
  const onError = (error: unknown) => {
    if (
      Problem.from(error).isUnauthenticated &&
      client.getQueryState(whoQuery.queryKey)?.status === "success"
    )
      client.invalidateQueries({ queryKey: whoQuery.queryKey });
  };
  const client = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        retry: (attempt, error) => attempt < 2 && Problem.from(error).isTransient,
      },
    },
  });
  return client;
}

/** Who is calling, and what they may do with the gateway as a whole. */
export const whoQuery = queryOptions({
  queryKey: ["who"],
  queryFn: () => ok(api.GET("/-/auth/me")),
  staleTime: 60_000,
});

/** What the caller may do here, printer by printer. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async () => {
    const me = await ok(api.GET("/api/printing/me"));
    setBackend(me.backend);
    return me;
  },
  staleTime: 60_000,
});

/** Materials, presets, currency. */
export const optionsQuery = queryOptions({
  queryKey: ["options"],
  queryFn: () => ok(api.GET("/api/printing/options")),
  staleTime: 300_000,
});

export const queueQuery = queryOptions({
  queryKey: ["queue"],
  queryFn: () => (isProxied() ? readQueue() : ok(api.GET("/api/printing/queue"))),
});

export const fileQuery = (name: string) =>
  queryOptions({
    queryKey: ["files", "one", name],
    queryFn: (): Promise<FileView> =>
      isProxied()
        ? readFile(name)
        : // openapi-fetch says number[] of triples
          (ok(api.GET("/api/printing/files/{name}", { params: { path: { name } } })) as Promise<FileView>),
    staleTime: 60_000,
  });

/** Whether the gateway and its parts are well. Its answer is 503 when something isn't, and says the same. */
export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: async (): Promise<Health> => {
    const response = await fetch(address("/-/health"), {
      credentials: isForeign() ? "include" : "same-origin",
      headers: callHeaders("GET"),
    });
    const said = (await response
      .clone()
      .json()
      .catch(() => null)) as Health | null;
    // a problem's status is a number
    if (typeof said?.status !== "string") throw await Problem.of(response);
    return said;
  },
  refetchInterval: 15_000,
});

export interface Check {
  status: "up" | "degraded" | "down";
  detail: string;
  /** One that is down takes its plugin out of service. */
  critical: boolean;
  /** Seconds since it was looked. */
  age: number;
}

/** A pool of connections to a service behind the gateway. `circuit`: open while the service is left alone. */
export interface Upstream {
  in_use: number;
  idle: number;
  waiting: number;
  max_connections: number;
  circuit: "closed" | "open" | "half-open";
  is_down: boolean;
}

export interface PluginHealth {
  status: "active" | "starting" | "quarantined";
  version: string | null;
  quarantine: { stage: string; reason: string } | null;
  checks: Record<string, Check>;
  upstreams: Record<string, Upstream>;
}

/** `uptime` in seconds. */
export interface Health {
  status: "ok" | "degraded" | "unavailable";
  state: "starting" | "running" | "stopping";
  version: string;
  uptime: number;
  access: "asked" | "open" | "insecure";
  database: { status: "up" | "down"; detail: string };
  plugins: Record<string, PluginHealth>;
}

const RANK: Record<Role, number> = { viewer: 1, operator: 2, admin: 3 };

/** Whether the gateway drives the printers itself: only then they can be told, and files be read. */
export function useIsNative(): boolean {
  const { data: me } = useQuery(meQuery);
  return me?.backend !== "fluxprint";
}

/** Whether the caller has a role: on one printer, or with `"any"` on at least one, or with `"all"` everywhere. */
export function useCan(): (role: Role, where: { printer: string } | "any" | "all") => boolean {
  const { data: me } = useQuery(meQuery);
  return (role, where) => {
    if (!me) return false;
    const held =
      where === "all"
        ? me.everywhere
        : where === "any"
          ? me.anywhere
          : (me.printers[where.printer] ?? me.everywhere);
    return held != null && RANK[held as Role] >= RANK[role];
  };
}
