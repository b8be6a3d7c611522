import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { useUploads } from "./store";

const UploadPanel = lazy(() => import("./UploadPanel"));

/** Once in the page, beside whatever it shows: what is uploaded, and what was read of files made old by it. */
export function Uploads() {
  const queries = useQueryClient();
  useEffect(
    () =>
      useUploads.subscribe(({ all }, { all: before }) => {
        const wasDone = new Set(before.filter(({ state }) => state === "done").map(({ id }) => id));
        if (all.some(({ id, state }) => state === "done" && !wasDone.has(id)))
          queries.invalidateQueries({ queryKey: ["files"] });
      }),
    [queries],
  );
  const isAny = useUploads(({ all }) => all.length > 0);
  return isAny ? (
    <Suspense fallback={null}>
      <UploadPanel />
    </Suspense>
  ) : null;
}
