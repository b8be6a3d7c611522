/** The gateway's API keys. */
import { queryOptions } from "@tanstack/react-query";
import { api, ok } from "./client";
import type { components } from "./schema";
import type { Of } from "./types";

export type Key = Of<"KeyView">;
export type Who = components["schemas"]["gateway.MeView"];
export type KeyWish = Pick<Of<"KeyRequest">, "name" | "roles" | "groups" | "scopes" | "expires_in">;

/** The scope that a restricted key needs to manage keys. */
const KEYS = "keys";

/** Whether the caller may list, make and revoke keys. */
export function mayManageKeys(who: Who): boolean {
  return who.roles.includes("admin") && (who.scopes === null || who.scopes.includes(KEYS));
}

export const keysQuery = queryOptions({
  queryKey: ["keys"],
  queryFn: () => ok(api.GET("/-/auth/keys")),
});

/** The new key, which is told this once. */
export function createKey(wish: KeyWish) {
  return ok(api.POST("/-/auth/keys", { body: { ...wish, subject: null } }));
}

export function revokeKey(id: string) {
  return ok(api.DELETE("/-/auth/keys/{id}", { params: { path: { id } } }));
}
