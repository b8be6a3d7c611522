/** The tokens' colours as they are now, for what is drawn rather than styled: canvases, WebGL. */

const cache = new Map<string, string>();
const watchers = new Set<() => void>();
let probe: HTMLElement | null = null;

/** A colour that a canvas understands; `token` such as `--fg-accent`. */
export function colour(token: string): string {
  const known = cache.get(token);
  if (known !== undefined) return known;
  if (!probe) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(${token})`;
  const found = getComputedStyle(probe).color;
  cache.set(token, found);
  return found;
}

/** Call `changed` whenever light becomes dark or dark light, until the returned function is called. */
export function watchColours(changed: () => void): () => void {
  if (watchers.size === 0) start();
  watchers.add(changed);
  return () => {
    watchers.delete(changed);
    if (watchers.size === 0) stop();
  };
}

const tell = () => {
  cache.clear();
  for (const watcher of [...watchers]) watcher();
};
let system: MediaQueryList | null = null;
let observer: MutationObserver | null = null;

function start() {
  cache.clear();
  system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", tell);
  observer = new MutationObserver(tell);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme", "style", "class"] });
}

function stop() {
  system?.removeEventListener("change", tell);
  observer?.disconnect();
}
