/** Keeps the store to what is so now: from the gateway's event stream, or by asking while that doesn't come. */
import { type Backend, isProxied, setBackend } from "@/api/backend";
import { address, api, isForeign, ok } from "@/api/client";
import { readPrinters } from "@/api/fluxprint/printer";
import { Problem } from "@/api/problem";
import { applied, type Told, TYPES } from "./events";
import { useLive } from "./store";
import { record } from "./temperatures";

/** What was told is shown together, so often; of many printers nobody follows each word. */
const SHOW_MS = { few: 300, many: 1_000 };
const MANY = 12;
/** Nothing for so long, though printers say how warm they are all the time: the link is dead. */
const POLL_AFTER_MS = 8_000;
const POLL_MS = 5_000;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];

export interface Following {
  /** These alone; by default all that the caller may see. */
  printers?: readonly string[];
  /** A FluxPrint service tells nothing by itself: it is asked. */
  backend?: Backend;
}

/** Follow the gateway until the returned function is called. */
export function follow(wanted: Following = {}): () => void {
  let source: EventSource | null = null;
  let waiting: Told[] = [];
  let shown: number | undefined;
  let retry: number | undefined;
  let poll: number | undefined;
  let attempts = 0;
  let ended = false;

  const show = () => {
    shown = undefined;
    const told = waiting;
    waiting = [];
    record(told);
    useLive.setState((state) => applied(state, told));
  };

  const hear = (type: Told["type"], event: MessageEvent<string>) => {
    attempts = 0;
    stopPolling();
    if (useLive.getState().link !== "live") useLive.setState({ link: "live", silentSince: null });
    waiting.push({ type, data: JSON.parse(event.data) } as Told);
    if (type === "snapshot") {
      clearTimeout(shown);
      show();
    } else {
      const isMany = (useLive.getState().order?.length ?? 0) > MANY;
      shown ??= window.setTimeout(show, isMany ? SHOW_MS.many : SHOW_MS.few);
    }
  };

  if (wanted.backend) setBackend(wanted.backend);
  const isAsked = isProxied();

  const connect = () => {
    if (ended) return;
    if (isAsked) {
      poll = window.setTimeout(ask, 0);
      return;
    }
    const query = wanted.printers ? `?printers=${wanted.printers.map(encodeURIComponent).join(",")}` : "";
    source = new EventSource(address(`/api/printing/events${query}`), { withCredentials: isForeign() });
    for (const type of TYPES) source.addEventListener(type, (event) => hear(type, event));
    source.onopen = () => {
      attempts = 0;
    };
    source.onerror = () => {
      useLive.setState((state) => ({ silentSince: state.silentSince ?? Date.now() }));
      if (source?.readyState === EventSource.CLOSED) {
        // refused, or no event stream: the browser doesn't come back by itself
        retry = window.setTimeout(connect, RETRY_MS[Math.min(attempts++, RETRY_MS.length - 1)]);
      }
      poll ??= window.setTimeout(ask, useLive.getState().order === null ? 0 : POLL_AFTER_MS);
    };
  };

  const ask = async () => {
    try {
      const printers = isAsked
        ? await readPrinters()
        : (await ok(api.GET("/api/printing/printers"))).printers;
      if (ended || poll === undefined) return;
      waiting.push({ type: "snapshot", data: { printers } });
      show();
      useLive.setState({ link: "polling", silentSince: null });
    } catch (error) {
      if (ended || poll === undefined) return;
      const { status } = Problem.from(error);
      useLive.setState((state) => ({
        link: status === 401 || status === 403 ? "refused" : "away",
        silentSince: state.silentSince ?? Date.now(),
      }));
    }
    if (poll !== undefined) poll = window.setTimeout(ask, POLL_MS);
  };

  const stopPolling = () => {
    clearTimeout(poll);
    poll = undefined;
  };

  const comeBack = () => {
    if (document.visibilityState === "visible" && source?.readyState === EventSource.CLOSED) {
      clearTimeout(retry);
      attempts = 0;
      connect();
    }
  };

  connect();
  window.addEventListener("online", comeBack);
  document.addEventListener("visibilitychange", comeBack);
  return () => {
    ended = true;
    source?.close();
    clearTimeout(shown);
    clearTimeout(retry);
    stopPolling();
    window.removeEventListener("online", comeBack);
    document.removeEventListener("visibilitychange", comeBack);
  };
}
