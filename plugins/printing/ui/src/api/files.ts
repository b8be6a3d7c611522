/** What is asked of the gateway about files. */
import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import { isProxied } from "./backend";
import { address, api, ok } from "./client";
import { readFiles as readTheirFiles } from "./fluxprint/files";
import { fileQuery } from "./queries";
import type { FileItem, Of } from "./types";

export type FileSort = "name" | "-name" | "date" | "-date" | "size" | "-size";

export interface FileChoice {
  search: string;
  sort: FileSort;
  limit: number;
  offset: number;
}

export const filesQuery = ({ search, sort, limit, offset }: FileChoice) =>
  queryOptions({
    queryKey: ["files", "list", { search, sort, limit, offset }],
    queryFn: () => readFiles({ search, sort, limit, offset }),
    placeholderData: keepPreviousData,
  });

/** A page of the files that fit. Rejects with a `Problem`. */
export function readFiles(wanted: FileChoice): Promise<Of<"FilesView">> {
  if (isProxied()) return readTheirFiles(wanted);
  const { search, ...rest } = wanted;
  return ok(api.GET("/api/printing/files", { params: { query: { ...rest, ...(search && { search }) } } }));
}

const PRINTS = 100;

/** The last prints of a file. The gateway looks for a part of the name, so what it finds is looked through here. */
export const printsOfQuery = (name: string) =>
  queryOptions({
    queryKey: ["history", "of-file", name],
    queryFn: async () => {
      const jobs = await ok(
        api.GET("/api/printing/jobs/history", { params: { query: { search: name, limit: PRINTS } } }),
      );
      return { prints: jobs.filter((job) => job.fileName === name), others: jobs.length === PRINTS };
    },
  });

const ASK_MS = 1_000;
const ASK_TIMES = 12;

/** What a file says of itself: asked again a few times while the gateway is still reading it. */
export function useMetadata(file: FileItem): Of<"FileMetadata"> {
  const isRead = file.metadata.analysed;
  const { data } = useQuery({
    ...fileQuery(file.name),
    enabled: !isRead,
    staleTime: 0,
    refetchInterval: ({ state }) =>
      state.data?.metadata.analysed || state.dataUpdateCount + state.errorUpdateCount > ASK_TIMES
        ? false
        : ASK_MS,
  });
  return !isRead && data?.hash === file.hash ? data.metadata : file.metadata;
}

/** Delete a file; with `cancelJobs` the jobs too that wait for it. Rejects with a Problem. */
export function deleteFile(name: string, cancelJobs = false): Promise<Of<"FileDeleted">> {
  return ok(
    api.DELETE("/api/printing/files/{name}", {
      params: { path: { name }, query: cancelJobs ? { cancel_jobs: true } : {} },
    }),
  );
}

export function linkFile(name: string, project: string): Promise<Of<"FileLinked">> {
  return ok(
    api.POST("/api/printing/files/{name}/link", {
      params: { path: { name } },
      body: { project_id: project },
    }),
  );
}

export function unlinkFile(name: string, project: string): Promise<Of<"FileLinked">> {
  return ok(
    api.DELETE("/api/printing/files/{name}/link", {
      params: { path: { name } },
      body: { project_id: project },
    }),
  );
}

/** Where its content is. */
export function downloadOf(name: string): string {
  return address(`/api/printing/files/${encodeURIComponent(name)}/download`);
}

/** Where its picture of so many pixels is; another content has another address. */
export function thumbnailOf(file: { name: string; hash: string }, size: number): string {
  const path = `/api/printing/files/${encodeURIComponent(file.name)}/thumbnail`;
  return address(`${path}?size=${size}&of=${file.hash.slice(0, 12)}`);
}
