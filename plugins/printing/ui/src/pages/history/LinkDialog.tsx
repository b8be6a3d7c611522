import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { linkJob } from "@/api/history";
import { Problem } from "@/api/problem";
import type { JobItem } from "@/api/types";
import { ProjectField } from "@/cards/ProjectField";
import { Button, Dialog, told } from "@/design";
import { text } from "@/text";

const words = text.history;

/** Count a job that is nobody's project's for one. */
export function LinkDialog({ job, onClose }: { job: JobItem; onClose: () => void }) {
  const [project, setProject] = useState("");
  const form = useId();
  const queries = useQueryClient();
  const link = useMutation({
    mutationFn: () => linkJob(job.id, project.trim()),
    onSuccess: (linked) => {
      queries.invalidateQueries({ queryKey: ["history"] });
      told(linked.projectName ? words.link.done(linked.projectName) : words.link.linked);
      onClose();
    },
  });
  const problem = link.error && Problem.from(link.error);
  return (
    <Dialog
      open
      onClose={onClose}
      title={words.link.title}
      description={words.link.about(job.fileName)}
      actions={
        <>
          <Button onClick={onClose}>{text.common.cancel}</Button>
          <Button look="primary" type="submit" form={form} busy={link.isPending} disabled={!project.trim()}>
            {words.link.submit}
          </Button>
        </>
      }
    >
      <form
        id={form}
        onSubmit={(event) => {
          event.preventDefault();
          link.mutate();
        }}
      >
        <ProjectField
          value={project}
          onChange={setProject}
          error={problem && (problem.status === 404 ? text.project.unknown : problem.message)}
        />
      </form>
    </Dialog>
  );
}
