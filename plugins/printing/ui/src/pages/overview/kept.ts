/** What this browser remembers of the overview; where it keeps nothing, for this visit alone. */
import { useState } from "react";

export function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // a frame without storage
  }
}

/** As `useState`, and remembered; what isn't one of `values` counts as the first of them. */
export function useKept<T extends string>(key: string, values: readonly [T, ...T[]]): [T, (next: T) => void] {
  const [value, setValue] = useState<T>(() => values.find((one) => one === read(key)) ?? values[0]);
  return [
    value,
    (next) => {
      keep(key, next);
      setValue(next);
    },
  ];
}
