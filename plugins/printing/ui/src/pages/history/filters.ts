import type { HistoryFilter, Result } from "@/api/history";

/** What the address says: which jobs, of which time, as what. */
export interface Wanted {
  status?: Result | undefined;
  printer?: string | undefined;
  material?: string | undefined;
  project?: string | undefined;
  search?: string | undefined;
  range: Range;
  /** Local days (`2026-01-31`), with the range `custom`. */
  from?: string | undefined;
  to?: string | undefined;
  page: number;
  view: "list" | "charts";
}

export const RANGES = ["7", "30", "90", "all", "custom"] as const;
export type Range = (typeof RANGES)[number];

const DEFAULT_RANGE: Range = "30";
const RESULTS = new Set<string>(["completed", "failed", "canceled"]);
const DAY = /^\d{4}-\d\d-\d\d$/;
const TEXTS = ["printer", "material", "project", "search"] as const;
const NUMBERS_DAYS = 365;

export function wantedOf(query: URLSearchParams): Wanted {
  const wanted: Wanted = {
    range: DEFAULT_RANGE,
    page: Math.max(1, Math.min(40_000, Math.trunc(Number(query.get("page"))) || 1)),
    view: query.get("view") === "charts" ? "charts" : "list",
  };
  for (const name of TEXTS) {
    const value = query.get(name);
    if (value) wanted[name] = value;
  }
  const status = query.get("status");
  if (status && RESULTS.has(status)) wanted.status = status as Result;
  for (const side of ["from", "to"] as const) {
    const day = query.get(side);
    if (day && isDay(day)) wanted[side] = day;
  }
  const range = query.get("range") as Range | null;
  if (range && RANGES.includes(range)) wanted.range = range;
  else if (wanted.from || wanted.to) wanted.range = "custom";
  return wanted;
}

/** The address' query for what is wanted; what else stands in `query` stays. */
export function queryOf(wanted: Wanted, query: URLSearchParams): URLSearchParams {
  const next = new URLSearchParams(query);
  const isCustom = wanted.range === "custom";
  const said: Record<string, string | undefined> = {
    status: wanted.status,
    printer: wanted.printer,
    material: wanted.material,
    project: wanted.project,
    search: wanted.search,
    range: wanted.range === DEFAULT_RANGE ? undefined : wanted.range,
    from: isCustom ? wanted.from : undefined,
    to: isCustom ? wanted.to : undefined,
    view: wanted.view === "list" ? undefined : wanted.view,
    page: wanted.page > 1 ? String(wanted.page) : undefined,
  };
  for (const [name, value] of Object.entries(said)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}

/** What to ask the gateway: whole local days. */
export function filterOf(wanted: Wanted, now = new Date()): HistoryFilter {
  const { status, printer, material, project, search } = wanted;
  const filter: HistoryFilter = {};
  if (status) filter.status = status;
  if (printer) filter.printer = printer;
  if (material) filter.material = material;
  if (project) filter.project = project;
  if (search) filter.search = search;
  if (wanted.range === "custom") {
    if (wanted.from) filter.from = midnight(wanted.from).toISOString();
    if (wanted.to) filter.to = midnight(wanted.to, 1).toISOString();
  } else if (wanted.range !== "all") {
    filter.from = daysBefore(now, Number(wanted.range) - 1).toISOString();
  }
  return filter;
}

/** The same for the numbers, which are of a year at most. */
export function numbersFilterOf(wanted: Wanted, now = new Date()): { filter: HistoryFilter; isCut: boolean } {
  const filter = filterOf(wanted, now);
  const end = filter.to ? new Date(filter.to) : daysBefore(now, -1);
  const earliest = daysBefore(end, NUMBERS_DAYS);
  if (filter.from && new Date(filter.from) >= earliest) return { filter, isCut: false };
  return { filter: { ...filter, from: earliest.toISOString() }, isCut: true };
}

/** Nothing but the time narrows the list. */
export const CLEARED: Partial<Wanted> = {
  status: undefined,
  printer: undefined,
  material: undefined,
  project: undefined,
  search: undefined,
};

/** Whether anything but the time narrows the list. */
export function isNarrowed(wanted: Wanted): boolean {
  return Boolean(wanted.search) || chosen(wanted) > 0;
}

/** How many of the choices beside search and time are made. */
export function chosen({ status, printer, material, project }: Wanted): number {
  return [status, printer, material, project].filter(Boolean).length;
}

export function isBackwards({ range, from, to }: Wanted): boolean {
  return Boolean(range === "custom" && from && to && from > to);
}

/** `2026-01-31` of a moment, here. */
export function localDay(when: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
}

function isDay(text: string): boolean {
  return DAY.test(text) && !Number.isNaN(midnight(text).getTime());
}

function midnight(day: string, later = 0): Date {
  const [year, month, date] = day.split("-").map(Number) as [number, number, number];
  return new Date(year, month - 1, date + later);
}

function daysBefore(when: Date, days: number): Date {
  return new Date(when.getFullYear(), when.getMonth(), when.getDate() - days);
}
