import { queryOptions } from "@tanstack/react-query";
import { api, ok } from "./client";

const MOST = 500;

/** The projects that the caller has to do with, by title. */
export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: async () => {
    const { projects } = await ok(api.GET("/api/printing/projects", { params: { query: { limit: MOST } } }));
    return projects;
  },
  staleTime: 60_000,
});
