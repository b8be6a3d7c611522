import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Unlink } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { linkFile, unlinkFile } from "@/api/files";
import { Problem } from "@/api/problem";
import { fileQuery } from "@/api/queries";
import { ProjectField } from "@/cards/ProjectField";
import { ProjectName } from "@/cards/ProjectName";
import { Button, Dialog, Failed, failed, Loading, told } from "@/design";
import { text } from "@/text";

const words = text.files.link;

/** Which project a file belongs to. */
export function LinkDialog({ name, open, onClose }: { name: string; open: boolean; onClose: () => void }) {
  const file = useQuery({ ...fileQuery(name), enabled: open, staleTime: 0 });
  const queries = useQueryClient();
  const form = useId();
  const [project, setProject] = useState("");
  const [error, setError] = useState<string | null>(null);
  const after = (title: string) => {
    told(title);
    queries.invalidateQueries({ queryKey: ["files"] });
    setProject("");
    onClose();
  };
  const link = useMutation({
    mutationFn: () => linkFile(name, project.trim()),
    onSuccess: ({ changed }) => after(changed ? words.linked : words.already),
    onError: (problem) => setError(inWords(Problem.from(problem))),
  });
  const unlink = useMutation({
    mutationFn: (from: string) => unlinkFile(name, from),
    onSuccess: () => after(words.unlinked),
    onError: failed,
  });
  const linked = file.data?.projectId;
  const send = (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    link.mutate();
  };
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={words.title}
      description={words.about}
      actions={
        <>
          <Button onClick={onClose}>{text.common.cancel}</Button>
          {linked ? (
            <Button
              look="danger"
              icon={<Unlink aria-hidden />}
              busy={unlink.isPending}
              onClick={() => unlink.mutate(linked)}
            >
              {words.unlink}
            </Button>
          ) : (
            <Button
              look="primary"
              type="submit"
              form={form}
              busy={link.isPending}
              disabled={!file.data || !project.trim()}
            >
              {words.action}
            </Button>
          )}
        </>
      }
    >
      {file.error ? (
        <Failed error={file.error} onRetry={() => file.refetch()} />
      ) : !file.data ? (
        <Loading lines={2} />
      ) : linked ? (
        <p>
          {words.linkedTo} <ProjectName id={linked} />
        </p>
      ) : (
        <form id={form} onSubmit={send}>
          <ProjectField value={project} onChange={setProject} error={error} />
        </form>
      )}
    </Dialog>
  );
}

function inWords(problem: Problem): string {
  switch (problem.code) {
    case "FILE_LINKED_ELSEWHERE":
      return words.elsewhere;
    case "PROJECT_NOT_FOUND":
      return text.project.unknown;
    case "PROJECT_FORBIDDEN":
      return words.forbidden;
    default:
      return problem.message;
  }
}
