import createClient, { type Middleware } from "openapi-fetch";
import { Problem } from "./problem";
import type { paths } from "./schema";

export interface Connection {
  /** The gateway's origin; "" for the page's own. */
  baseUrl: string;
  /** Header fields for every call, such as `Authorization`. Pictures and the event stream go by cookie all the same. */
  headers?: () => Record<string, string>;
}

let connection: Connection = { baseUrl: "" };

/** Talk to this gateway from now on. Needed only where the page isn't the gateway's own. */
export function configure(next: Connection): void {
  connection = next;
}

/** The whole address of one of the gateway's paths: for pictures, streams and downloads. */
export function address(path: string): string {
  return connection.baseUrl + path;
}

export function isForeign(): boolean {
  return connection.baseUrl !== "";
}

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** The session's token that a change by cookie has to show (double submit). */
export function csrfToken(): string | null {
  return /(?:^|;\s*)(?:__Host-)?fluxgate_csrf=([^;]+)/.exec(document.cookie)?.[1] ?? null;
}

/** Header fields that a call has besides its own. */
export function callHeaders(method: string): Record<string, string> {
  const token = SAFE.has(method) ? null : csrfToken();
  return { ...(token && { "X-CSRF-Token": token }), ...connection.headers?.() };
}

const browser: Middleware = {
  async onRequest({ request }) {
    const sent = isForeign() ? await moved(request) : request;
    for (const [name, value] of Object.entries(callHeaders(request.method))) sent.headers.set(name, value);
    return sent;
  },
  async onResponse({ response }) {
    if (!response.ok) throw await Problem.of(response);
    return response;
  },
};

/** The same request of the other gateway. Its body is read first: given as a stream it would go out over HTTP/2 alone. */
async function moved(request: Request): Promise<Request> {
  const { pathname, search } = new URL(request.url);
  const { method, headers, signal } = request;
  const body = SAFE.has(method) ? null : await request.blob();
  return new Request(address(pathname + search), { method, headers, signal, body });
}

function send(request: Request): Promise<Response> {
  return fetch(request, {
    credentials: isForeign() ? "include" : "same-origin",
    keepalive: request.method === "DELETE", // it goes on though the page is left
  });
}

/** Every route, by path and method, as `/-/openapi.json` says. Rejects with a `Problem`. */
export const api = createClient<paths>({ fetch: send });
api.use(browser);

/** The answer's body. */
export async function ok<T>(answer: Promise<{ data?: T }>): Promise<T> {
  try {
    return (await answer).data as T;
  } catch (error) {
    throw Problem.from(error);
  }
}
