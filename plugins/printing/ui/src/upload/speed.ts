const WINDOW_MS = 4_000;

/** How fast something comes along: told `add(bytes so far, ms)`, it says bytes a second over the last seconds. */
export class Speed {
  #points: { bytes: number; at: number }[] = [];

  add(bytes: number, at: number): number | null {
    this.#points.push({ bytes, at });
    while (this.#points.length > 2 && at - (this.#points[1]?.at ?? at) >= WINDOW_MS) this.#points.shift();
    const first = this.#points[0];
    if (!first || at - first.at < 250) return null;
    return ((bytes - first.bytes) * 1000) / (at - first.at);
  }
}
