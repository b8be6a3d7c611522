import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { create } from "zustand";
import { deleteFile } from "@/api/files";
import { Problem } from "@/api/problem";
import { failed, undoable, useConfirm } from "@/design";
import { text } from "@/text";

interface Deleting {
  /** Names that aren't shown: deleted, or about to be. */
  hidden: ReadonlySet<string>;
  /** A file that jobs wait for, and what the gateway said. */
  inUse: { name: string; why: string } | null;
  /** How many pages are there to ask. */
  asking: number;
}

const useDeleting = create<Deleting>()(() => ({ hidden: new Set<string>(), inUse: null, asking: 0 }));

export function useHidden(): ReadonlySet<string> {
  return useDeleting((s) => s.hidden);
}

function hide(name: string): void {
  useDeleting.setState(({ hidden }) => ({ hidden: new Set(hidden).add(name) }));
}

function show(name: string): void {
  useDeleting.setState(({ hidden }) => ({ hidden: new Set([...hidden].filter((one) => one !== name)) }));
}

async function run(name: string, queries: QueryClient, cancelJobs: boolean): Promise<void> {
  await deleteFile(name, cancelJobs);
  queries.removeQueries({ queryKey: ["files", "one", name] });
  await queries.invalidateQueries({ queryKey: ["files"] });
  if (cancelJobs) await queries.invalidateQueries({ queryKey: ["queue"] });
  show(name); // another file may be called so later
}

/** Deletes a file in a moment, unless that is taken back; asks where jobs need it. */
export function useDelete(): (name: string) => void {
  const queries = useQueryClient();
  return (name) => {
    hide(name);
    undoable(
      text.files.deleted(name),
      async () => {
        try {
          await run(name, queries, false);
        } catch (error) {
          const problem = Problem.from(error);
          if (problem.code !== "FILE_IN_USE" || useDeleting.getState().asking === 0) throw problem;
          show(name);
          useDeleting.setState({ inUse: { name, why: problem.message } });
        }
      },
      () => show(name),
    );
  };
}

/** Stands in a page of files: asks what is to become of the jobs that need a file which is to be deleted. */
export function InUseQuestion() {
  const [ask, question] = useConfirm();
  const queries = useQueryClient();
  useEffect(() => {
    useDeleting.setState(({ asking }) => ({ asking: asking + 1 }));
    const stop = useDeleting.subscribe(({ inUse }) => {
      if (!inUse) return;
      useDeleting.setState({ inUse: null });
      const { name, why } = inUse;
      ask({
        title: text.files.inUse.title(name),
        description: text.files.inUse.about(why),
        action: text.files.inUse.action,
        dangerous: true,
        onYes: () => {
          hide(name);
          run(name, queries, true).catch((error) => {
            show(name);
            failed(error);
          });
        },
      });
    });
    return () => {
      stop();
      useDeleting.setState(({ asking }) => ({ asking: asking - 1 }));
    };
  });
  return question;
}
