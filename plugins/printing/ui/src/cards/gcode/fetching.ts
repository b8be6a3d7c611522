import { isForeign } from "@/api/client";
import { Problem } from "@/api/problem";

/** The lines of a file as they come, in pieces of whole lines; `onBytes` hears how many bytes there are so far.
 * Rejects with a Problem. */
export async function* linesOf(
  source: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): AsyncGenerator<string[]> {
  let response: Response;
  try {
    response = await fetch(source, { signal, credentials: isForeign() ? "include" : "same-origin" });
  } catch (error) {
    throw Problem.from(error);
  }
  if (!response.ok || !response.body) throw await Problem.of(response);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let bytes = 0;
  for (;;) {
    let piece: ReadableStreamReadResult<Uint8Array>;
    try {
      piece = await reader.read();
    } catch (error) {
      throw Problem.from(error);
    }
    if (piece.done) break;
    bytes += piece.value.length;
    onBytes(bytes);
    const lines = (rest + decoder.decode(piece.value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield lines;
  }
  yield [rest + decoder.decode()];
}

const MATTERS = /^\s*(?:G0?[0-3]\b|G0?[0-3](?=[XYZEF])|G20\b|T[0-7]\b)/i;

/** What moves or changes the tool: the rest of a file isn't drawn. */
export function matters(line: string): boolean {
  return MATTERS.test(line);
}
