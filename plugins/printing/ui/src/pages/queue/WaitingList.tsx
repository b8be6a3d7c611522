import {
  type Announcements,
  closestCenter,
  DndContext,
  type DragEndEvent,
  KeyboardSensor,
  type Modifier,
  PointerSensor,
  type UniqueIdentifier,
  useSensor,
  useSensors,
} from "@dnd-kit/core";
import { SortableContext, sortableKeyboardCoordinates, verticalListSortingStrategy } from "@dnd-kit/sortable";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { PrinterView, QueueItem } from "@/api/types";
import { PrintDialog } from "@/cards/print";
import { text } from "@/text";
import { type Asked, ChangeDialog, HoldDialog, StartDialog } from "./dialogs";
import styles from "./Queue.module.css";
import { move } from "./useQueue";
import { WaitingJob } from "./WaitingJob";

const said = text.queue.drag;
const upright: Modifier = ({ transform }) => ({ ...transform, x: 0 });

interface Props {
  jobs: QueueItem[];
  printers: PrinterView[];
  mayChange: boolean;
  isNative: boolean;
}

/** The jobs that wait, to be put in another order by mouse, finger, keyboard or menu. */
export function WaitingList({ jobs, printers, mayChange, isNative }: Props) {
  const queries = useQueryClient();
  const [told, setTold] = useState("");
  const [asked, setAsked] = useState<{ what: Asked; job: QueueItem } | null>(null);
  const [isAsking, setAsking] = useState(false);
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 4 } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const ids = useMemo(() => jobs.map((job) => job.id), [jobs]);
  const at = (id: UniqueIdentifier) => ids.indexOf(Number(id));
  const name = (id: UniqueIdentifier) => jobs[at(id)]?.filename ?? "";
  const announcements: Announcements = {
    onDragStart: ({ active }) => said.lifted(name(active.id), at(active.id) + 1, ids.length),
    onDragOver: ({ active, over }) =>
      over ? said.over(name(active.id), at(over.id) + 1, ids.length) : undefined,
    onDragEnd: ({ active, over }) =>
      over ? said.put(name(active.id), at(over.id) + 1, ids.length) : said.left(name(active.id)),
    onDragCancel: ({ active }) => said.left(name(active.id)),
  };
  const put = ({ active, over }: DragEndEvent) => {
    if (over && over.id !== active.id) void move(queries, jobs, at(active.id), at(over.id));
  };
  const moveTo = (from: number, to: number) => {
    const job = jobs[from];
    if (job) setTold(said.over(job.filename, to + 1, jobs.length));
    void move(queries, jobs, from, to);
  };
  const ask = (what: Asked, job: QueueItem) => {
    setAsked({ what, job });
    setAsking(true);
  };
  const shown = { open: isAsking, onClose: () => setAsking(false) };
  return (
    <>
      <DndContext
        sensors={sensors}
        collisionDetection={closestCenter}
        modifiers={[upright]}
        onDragEnd={put}
        accessibility={{ announcements, screenReaderInstructions: { draggable: said.instructions } }}
      >
        <SortableContext items={ids} strategy={verticalListSortingStrategy}>
          <ol className={styles.list}>
            {jobs.map((job, index) => (
              <WaitingJob
                key={job.id}
                job={job}
                index={index}
                count={jobs.length}
                printers={printers}
                mayChange={mayChange}
                isNative={isNative}
                onMove={moveTo}
                onAsk={ask}
              />
            ))}
          </ol>
        </SortableContext>
      </DndContext>
      <p className="visually-hidden" role="status">
        {told}
      </p>
      {asked?.what === "start" && (
        <StartDialog key={asked.job.id} {...shown} job={asked.job} printers={printers} />
      )}
      {asked?.what === "change" && <ChangeDialog key={asked.job.id} {...shown} job={asked.job} />}
      {asked?.what === "again" && (
        <PrintDialog
          key={asked.job.id}
          {...shown}
          filename={asked.job.filename}
          initial={{ printer: asked.job.targetPrinter }}
        />
      )}
      {asked?.what === "hold" && <HoldDialog key={asked.job.id} {...shown} job={asked.job} />}
    </>
  );
}
