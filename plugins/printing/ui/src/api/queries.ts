/** What is asked of the gateway, under which key it is kept, and how long it counts as fresh. What is live isn't here:
 * see `live/`. */
import { QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { api, ok } from "./client";
import { Problem } from "./problem";
import type { Role } from "./types";

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        retry: (attempt, error) => attempt < 2 && Problem.from(error).isTransient,
      },
    },
  });
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
  queryFn: () => ok(api.GET("/api/printing/me")),
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
  queryFn: () => ok(api.GET("/api/printing/queue")),
});

export const fileQuery = (name: string) =>
  queryOptions({
    queryKey: ["files", "one", name],
    queryFn: () => ok(api.GET("/api/printing/files/{name}", { params: { path: { name } } })),
    staleTime: 60_000,
  });

/** Whether the gateway and its parts are well. Its answer is 503 when something isn't, and says the same. */
export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: async (): Promise<Health> => {
    const response = await fetch("/-/health", { credentials: "same-origin" });
    const said = (await response.json()) as Health;
    if (!said.status) throw await Problem.of(response);
    return said;
  },
  refetchInterval: 15_000,
});

export interface Check {
  status: string;
  detail?: string;
  critical?: boolean;
  age?: number;
}

export interface Health {
  status: string;
  state?: string;
  version?: string;
  uptime?: number;
  access?: string;
  database?: Check;
  plugins?: Record<
    string,
    {
      status: string;
      version?: string;
      quarantine?: unknown;
      checks?: Record<string, Check>;
      upstreams?: Record<string, Check>;
    }
  >;
}

const RANK: Record<Role, number> = { viewer: 1, operator: 2, admin: 3 };

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
