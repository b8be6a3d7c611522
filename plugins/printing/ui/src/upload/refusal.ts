import { text } from "@/text";

export interface Answer {
  status: number;
  code: string;
  message: string;
  /** Seconds. */
  retryAfter: number | null;
}

/** What the gateway said to an upload; `{status: 0}` where it said nothing. */
export function answerOf(status: number, body: string, retryAfter: string | null): Answer {
  let said: { code?: unknown; message?: unknown; detail?: unknown } = {};
  try {
    said = JSON.parse(body) as typeof said;
  } catch {
    // a proxy's page, or nothing
  }
  const seconds = Number(retryAfter);
  return {
    status,
    code: typeof said.code === "string" ? said.code : "",
    message: [said.message, said.detail].find((one) => typeof one === "string") ?? "",
    retryAfter: Number.isFinite(seconds) && seconds > 0 ? seconds : null,
  };
}

/** Whether the same again may be taken: nothing answered, or what did is away or busy. */
export function isPassing({ status, code }: Answer): boolean {
  return (
    status === 0 ||
    status === 408 ||
    status === 429 ||
    (status >= 500 && status !== 507 && code !== "STORAGE_FULL")
  );
}

/** Why it wasn't taken, in words. */
export function inWords({ status, code, message }: Answer): string {
  const { codes, statuses } = text.files.uploads;
  return codes[code] ?? statuses[status] ?? (message || text.problems.unknown(status));
}
