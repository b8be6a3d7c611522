/** The jobs that ended: pages of them, all of them, and their numbers. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, ok } from "./client";
import { readFiles } from "./files";
import { Problem } from "./problem";
import type { JobItem, Of } from "./types";

export type JobStats = Of<"JobStats">;
export type Result = "completed" | "failed" | "canceled";

/** What all of the jobs are; `from` and `to` as RFC 3339: they ended then or later, and before. */
export interface HistoryFilter {
  status?: Result;
  printer?: string;
  material?: string;
  project?: string;
  search?: string;
  from?: string;
  to?: string;
}

export interface HistoryList {
  jobs: JobItem[];
  total: number;
  /** There may be more than `total`: the gateway counts no further. */
  isCapped: boolean;
}

const COUNTED = 10_000;
const COUNTED_NAMES = 1_000;
export const PAGE_SIZE = 25;
const LARGEST_PAGE = 500;
export const MOST_EXPORTED = 10_000;

function asked({ project, ...rest }: HistoryFilter) {
  return { ...rest, ...(project && { project_id: project }) };
}

async function read(filter: HistoryFilter, limit: number, offset: number): Promise<HistoryList> {
  try {
    const query = { ...asked(filter), limit, offset };
    const { data, response } = await api.GET("/api/printing/jobs/history", { params: { query } });
    const jobs = (data ?? []) as JobItem[];
    const counted = Number(response.headers.get("x-total-count") ?? offset + jobs.length);
    const total = Math.max(counted, jobs.length && offset + jobs.length);
    return { jobs, total, isCapped: counted >= (filter.search ? COUNTED_NAMES : COUNTED) };
  } catch (error) {
    throw Problem.from(error);
  }
}

/** `page` from 1. */
export const historyQuery = (filter: HistoryFilter, page: number) =>
  queryOptions({
    queryKey: ["history", "list", filter, page],
    queryFn: () => read(filter, PAGE_SIZE, (page - 1) * PAGE_SIZE),
    placeholderData: keepPreviousData,
  });

export const statsQuery = (filter: HistoryFilter) =>
  queryOptions({
    queryKey: ["history", "stats", filter],
    queryFn: () => {
      const tz = Intl.DateTimeFormat().resolvedOptions().timeZone;
      const query = { ...asked(filter), ...(tz && { tz }) };
      return ok(api.GET("/api/printing/jobs/stats", { params: { query } }));
    },
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  });

/** The latest jobs that fit, at most `MOST_EXPORTED`, and whether there are more. `onRead` is told how many there are
 * so far. */
export async function everyJob(
  filter: HistoryFilter,
  onRead: (count: number) => void,
): Promise<{ jobs: JobItem[]; isCut: boolean }> {
  // what ends meanwhile would shift the pages
  const fixed = { ...filter, to: filter.to ?? new Date().toISOString() };
  const jobs: JobItem[] = [];
  while (jobs.length < MOST_EXPORTED) {
    const page = await read(fixed, LARGEST_PAGE, jobs.length);
    jobs.push(...page.jobs);
    onRead(jobs.length);
    if (page.jobs.length < LARGEST_PAGE) return { jobs, isCut: false };
  }
  const [next] = (await read(fixed, 1, jobs.length)).jobs;
  return { jobs, isCut: next !== undefined };
}

/** The file of this name as a list of files has it; null: there is none any more. */
export const knownFileQuery = (name: string) =>
  queryOptions({
    queryKey: ["files", "known", name],
    // not the file's own address: a browser's console complains of each that is gone
    queryFn: async () => {
      const { files } = await readFiles({ search: name, limit: 50, offset: 0, sort: "name" });
      return files.find((file) => file.name === name) ?? null;
    },
    staleTime: 60_000,
  });

/** Count a job for a project, by the project's id. */
export function linkJob(job: string, project: string) {
  return ok(
    api.POST("/api/printing/jobs/{job_id}/link", {
      params: { path: { job_id: job } },
      body: { project_id: project, file_id: null },
    }),
  );
}
