/** Sends files to the gateway, two at a time, and again those that a dropped connection ended. */
import { address, callHeaders, isForeign } from "@/api/client";
import { useLive } from "@/live";
import { format, text } from "@/text";
import { type Answer, answerOf, inWords, isPassing } from "./refusal";
import { Speed } from "./speed";
import { change, isUnderWay, type Upload, useUploads } from "./store";

const AT_ONCE = 2;
const AGAIN_MS = [2_000, 5_000, 10_000, 20_000, 40_000];
const SHOW_MS = 250;

/** What the store needn't know of an upload. */
interface Work {
  file: File;
  attempts: number;
  request: XMLHttpRequest | null;
  again: number | undefined;
}

const works = new Map<string, Work>();
let last = 0;

/** Take files into the queue. */
export function upload(files: Iterable<File>): void {
  const added = [...files].map((file): Upload => {
    const id = String(++last);
    works.set(id, { file, attempts: 0, request: null, again: undefined });
    return { id, name: file.name, size: file.size, state: "waiting", sent: 0, speed: null, error: null };
  });
  useUploads.setState(({ all }) => ({ all: [...all, ...added] }));
  next();
}

/** End it, or take it off the list. */
export function drop(id: string): void {
  const work = works.get(id);
  works.delete(id);
  clearTimeout(work?.again);
  work?.request?.abort();
  useUploads.setState(({ all }) => ({ all: all.filter((one) => one.id !== id) }));
  next();
}

/** Take what has ended off the list. */
export function clear(): void {
  for (const one of useUploads.getState().all) if (!isUnderWay(one)) drop(one.id);
}

/** Try it again from its beginning. */
export function again(id: string): void {
  const work = works.get(id);
  if (!work) return;
  clearTimeout(work.again);
  work.attempts = 0;
  change(id, { state: "waiting", sent: 0, speed: null, error: null });
  next();
}

function next(): void {
  watchTheWindow();
  const { all } = useUploads.getState();
  let free = AT_ONCE - all.filter(({ state }) => state === "sending" || state === "storing").length;
  for (const one of all) {
    if (free <= 0) break;
    if (one.state !== "waiting") continue;
    free -= 1;
    send(one);
  }
}

function send({ id, name, size }: Upload): void {
  const work = works.get(id);
  if (!work) return;
  change(id, { state: "sending", sent: 0, speed: null, error: null });
  const form = new FormData();
  form.append("files", work.file, name);
  const request = new XMLHttpRequest();
  work.request = request;
  const speed = new Speed();
  let shown = 0;
  request.upload.onprogress = ({ loaded, total }) => {
    const now = performance.now();
    const rate = speed.add(loaded, now);
    if (loaded < total && now - shown < SHOW_MS) return;
    shown = now;
    // the form around the file counts too
    change(id, { sent: Math.min(size, loaded), speed: rate });
  };
  request.upload.onload = () => change(id, { state: "storing", sent: size, speed: null });
  request.onload = () => ended(id, request);
  request.onerror = () => ended(id, request);
  request.ontimeout = () => ended(id, request);
  request.open("POST", address("/api/printing/files/upload"));
  request.withCredentials = isForeign();
  for (const [header, value] of Object.entries(callHeaders("POST"))) request.setRequestHeader(header, value);
  request.send(form);
}

async function ended(id: string, request: XMLHttpRequest): Promise<void> {
  const work = works.get(id);
  if (!work || work.request !== request) return;
  work.request = null;
  if (request.status >= 200 && request.status < 300) {
    change(id, { state: "done", speed: null });
  } else {
    const answer = answerOf(request.status, request.responseText, request.getResponseHeader("retry-after"));
    if (!isPassing(answer)) change(id, { state: "failed", speed: null, error: inWords(answer) });
    else if (answer.status === 0 && !(await isReadable(work.file)))
      change(id, { state: "failed", speed: null, error: text.files.uploads.gone });
    else if (works.has(id)) wait(id, work, answer);
  }
  next();
}

function wait(id: string, work: Work, answer: Answer): void {
  const after = answer.retryAfter ? answer.retryAfter * 1000 : AGAIN_MS[work.attempts];
  work.attempts += 1;
  const { lost, lostForGood, busy } = text.files.uploads;
  if (after === undefined) {
    change(id, { state: "failed", speed: null, error: lostForGood });
    return;
  }
  change(id, {
    state: "dropped",
    sent: 0,
    speed: null,
    error: answer.status === 429 ? busy(format.duration(after / 1000)) : lost,
  });
  work.again = window.setTimeout(() => {
    change(id, { state: "waiting" });
    next();
  }, after);
}

/** A file that was changed or moved since it was chosen can't be read any more. */
async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function comeBack(): void {
  for (const { id, state } of useUploads.getState().all) if (state === "dropped") again(id);
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

let isWatching = false;

/** While something is under way: the window isn't closed unasked, and a connection that is back is used. */
function watchTheWindow(): void {
  const wanted = useUploads.getState().all.some(isUnderWay);
  if (wanted === isWatching) return;
  isWatching = wanted;
  if (wanted) {
    window.addEventListener("beforeunload", warn);
    window.addEventListener("online", comeBack);
  } else {
    window.removeEventListener("beforeunload", warn);
    window.removeEventListener("online", comeBack);
  }
}

useLive.subscribe((now, before) => {
  if (now.link === "live" && before.link !== "live") comeBack();
});
