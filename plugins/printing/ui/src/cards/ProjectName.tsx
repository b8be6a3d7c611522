import { useQuery } from "@tanstack/react-query";
import { projectsQuery } from "@/api/projects";

/** What a project is called; its id where the caller has nothing to do with it. */
export function ProjectName({ id }: { id: string }) {
  const { data } = useQuery(projectsQuery);
  return <>{data?.find((project) => project.id === id)?.title ?? id}</>;
}
