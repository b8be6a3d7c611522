import { useSyncExternalStore } from "react";
import { navigate } from "wouter/use-browser-location";

type Heed = () => boolean;

let heed: Heed | null = null;
const listeners = new Set<() => void>();

// `pushState` and `replaceState`: what the router says of its own steps
for (const type of ["popstate", "hashchange", "pushState", "replaceState"]) {
  window.addEventListener(type, () => {
    if (type === "popstate" && heed?.()) return;
    for (const listener of listeners) listener();
  });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Where the router reads the address from, and goes elsewhere: as its own, but that a step back can be held up before
 * another page takes this one's place. */
export function useAddress(): [string, typeof navigate] {
  return [useSyncExternalStore(subscribe, () => location.pathname), navigate];
}

export function useQueryString(): string {
  return useSyncExternalStore(subscribe, () => location.search);
}

/** From now on `first` is asked about each step back or forward, whose address is there already; true: no other page is
 * shown. Returns what ends that. */
export function onBack(first: Heed): () => void {
  heed = first;
  return () => {
    if (heed === first) heed = null;
  };
}
