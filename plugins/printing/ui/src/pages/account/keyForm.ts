/** What the form of a new key means. */
export const EVERYTHING = "any";

export type ScopeChoice = "any" | "view" | "operate" | "admin" | "other";

/** A role's scope is worth nothing without those of the roles below it. */
export const SCOPES: Record<Exclude<ScopeChoice, "other">, string[] | null> = {
  any: null,
  view: ["printing:view"],
  operate: ["printing:view", "printing:operate"],
  admin: ["printing:view", "printing:operate", "printing:admin"],
};

/** `a, b` → its names, each once. */
export function namesOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(",")
        .map((name) => name.trim())
        .filter(Boolean),
    ),
  ];
}

export function areNames(names: readonly string[]): boolean {
  return names.every((name) => /^[^\s,]{1,100}$/.test(name));
}
