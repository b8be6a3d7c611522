import { text } from "@/text";

interface ProblemBody {
  code?: string;
  message?: string;
  detail?: string;
  field?: string;
}

/** What went wrong, for people: a title, a sentence, and what to do. `code` and `field` are the gateway's own (RFC 9457
 * body); `status` is 0 where nothing answered. */
export class Problem extends Error {
  override name = "Problem";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
    /** Seconds to wait before another attempt, if the gateway says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }

  get title(): string {
    return text.problems.titles[this.code] ?? text.problems.statuses[this.status] ?? text.problems.title;
  }

  get steps(): readonly string[] {
    return text.problems.steps[this.code] ?? (this.status >= 502 ? text.problems.away : []);
  }

  /** Nobody is signed in, or not any more. */
  get isUnauthenticated(): boolean {
    return this.status === 401;
  }

  /** Whether the same again may go better. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  static from(error: unknown): Problem {
    if (error instanceof Problem) return error;
    return new Problem(0, "UNREACHABLE", text.problems.unreachable);
  }

  static async of(response: Response): Promise<Problem> {
    let said: ProblemBody = {};
    try {
      said = (await response.clone().json()) as ProblemBody;
    } catch {
      // not one of ours: a proxy's page, or cut short
    }
    const after = Number(response.headers.get("retry-after"));
    return new Problem(
      response.status,
      said.code ?? "",
      said.message ?? said.detail ?? text.problems.unknown(response.status),
      said.field ?? null,
      Number.isFinite(after) && after > 0 ? after : null,
    );
  }
}
