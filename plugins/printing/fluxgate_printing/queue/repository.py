"""The queue in the database: new jobs, their order, and what is done to many jobs at once.

Everything that gives out queue ids or positions first locks the row of `print_job_counters`, so that it happens one
at a time in all
processes; what touches one job only (`moving.py`) doesn't wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from fluxgate.errors import ConflictError, NotFoundError, UnprocessableError
from fluxgate_printing.files.catalog import FileRecord, file_in_use
from fluxgate_printing.queue.moving import JobMover
from fluxgate_printing.queue.records import JobRecord, NewJob, job_from_row, to_column
from fluxgate_printing.queue.states import check_transition
from fluxgate_printing.sight import EVERYTHING, Sight

__all__ = ["JobRepository"]

RETENTION_DAYS = 90
_NOBODY = UUID(int=0)


class JobRepository(JobMover):
    """All that is done to `print_jobs`. Every method is atomic, with any number of processes on one database."""

    async def enqueue(self, job: NewJob) -> tuple[JobRecord, bool]:
        """Queue a job behind all of its own or a higher priority; of several copies, each a row, the first. The bool:
        whether it was made, or its key already was there.

        Raises:
            NotFoundError: FILE_NOT_FOUND: `file_id` isn't a file, or was removed or replaced.
            ConflictError: IDEMPOTENCY_KEY_REUSED: the key belongs to a job of another file.
        """
        async with self._database.transaction():
            queue_id = await self._next_queue_id()
            if job.idempotency_key is not None:
                known = await self._by_key(job.idempotency_key)
                if known is not None:
                    if (known.file_name, known.file_id) != (job.file_name, job.file_id):
                        raise ConflictError(
                            "This idempotency key was used for another file.", code="IDEMPOTENCY_KEY_REUSED"
                        )
                    return known, False
            if job.file_id is not None:
                await self._check_file(job.file_id)
            now = datetime.now(UTC)
            batch = uuid4() if job.copies > 1 else None
            first = await self._insert(job, queue_id, now, batch=batch)
            for number in range(2, job.copies + 1):
                await self._insert(job, await self._next_queue_id(), now, batch=batch, number=number)
            return first, True

    async def copies_of(self, job: JobRecord) -> list[JobRecord]:
        """The job and its copies, in their order."""
        if job.batch_id is None:
            return [job]
        sql = "SELECT * FROM print_jobs WHERE batch_id = {} ORDER BY copy_number"
        return [job_from_row(row) for row in await self._database.fetch(sql, job.batch_id)]

    async def record_accepted(
        self, queue_id: int | None, job: NewJob, *, entry_id: UUID, accepted_at: datetime | None = None
    ) -> JobRecord:
        """Record a job that FluxPrint accepted as its `queue_id`. Once for each `entry_id`, however often it is
        tried."""
        key = _accepted(entry_id)
        async with self._database.transaction():
            await self._lock_queue()
            known = await self._by_key(key)
            if known is not None:
                return known
            return await self._insert(job, queue_id, accepted_at or datetime.now(UTC), key)

    async def accepted(self, entry_id: UUID) -> UUID | None:
        """The job that was recorded as this entry, or None."""
        job = await self._by_key(_accepted(entry_id))
        return None if job is None else job.id

    async def release(self, job_id: UUID, reason: str, *, hold: bool = False) -> JobRecord:
        """Put a printing job back at the head of the queue. Only when it provably isn't printed. `hold`: until somebody
        has looked at it."""
        async with self._database.transaction():
            await self._lock_queue()
            job = await self._lock(job_id)
            check_transition(job.status, "queued", release=True)
            return await self._write(
                job,
                {
                    "status": "queued",
                    "state_detail": reason,
                    "outcome_unknown": False,
                    "progress": 0.0,
                    "position": await self._head() - 1,
                    "started_at": None,
                    "printer_name": None,
                    "printer_status": None,
                    "on_hold": hold,
                    "hold_reason": reason if hold else None,
                },
            )

    async def hold(self, job_id: UUID, reason: str | None) -> JobRecord:
        """Keep a queued job from being printed; it keeps its place. Held already, the reason is another one.

        Raises:
            ConflictError: JOB_NOT_QUEUED.
        """
        return await self._change_queued(job_id, {"on_hold": True, "hold_reason": reason})

    async def unhold(self, job_id: UUID) -> JobRecord:
        """Let a held job be printed; a no-op if it isn't held. ConflictError as from `hold`."""
        return await self._change_queued(job_id, {"on_hold": False, "hold_reason": None, "state_detail": None})

    async def change(self, job_id: UUID, changes: Mapping[str, object]) -> JobRecord:
        """Change columns of a queued job. Another `priority` moves it behind those of its own or a higher one.
        ConflictError as from `hold`."""
        async with self._database.transaction():
            await self._lock_queue()
            job = await self._lock(job_id)
            if job.status != "queued":
                raise _not_queued(job)
            values = dict(changes)
            if (priority := values.get("priority", job.priority)) != job.priority:
                values["position"] = await self._place(int(str(priority)), but=job.id)
            return await self._write(job, values)

    async def is_paused(self) -> bool:
        """Whether nothing is dispatched from the queue."""
        rows = await self._database.fetch("SELECT value FROM print_job_counters WHERE name = 'queue_paused'")
        return bool(rows and rows[0]["value"])

    async def set_paused(self, paused: bool) -> None:
        """Stop or go on with dispatching; what prints goes on."""
        await self._database.fetch("UPDATE print_job_counters SET value = {} WHERE name = 'queue_paused'", int(paused))

    async def _change_queued(self, job_id: UUID, changes: dict[str, object]) -> JobRecord:
        async with self._database.transaction():
            job = await self._lock(job_id)
            if job.status != "queued":
                raise _not_queued(job)
            return await self._write(job, changes)

    async def cancel_all_queued(self, sight: Sight = EVERYTHING) -> list[JobRecord]:
        """Cancel every queued job within `sight`; the ones canceled."""
        now = datetime.now(UTC)
        seen, arguments = sight.jobs()
        async with self._database.transaction():
            await self._lock_queue()
            changed = "status = 'canceled', state_detail = NULL, completed_at = {}, canceled_at = {}, updated_at = {}"
            sql = f"UPDATE print_jobs SET {changed} WHERE status = 'queued' AND {seen} RETURNING *"  # noqa: S608
            rows = await self._database.fetch(sql, now, now, now, *arguments)
        return [job_from_row(row) for row in rows]

    async def cancel_all_of(self, file: FileRecord, sight: Sight = EVERYTHING) -> list[JobRecord]:
        """Cancel every queued job that needs this version of a file; the ones canceled. All or none.

        Raises:
            ConflictError: FILE_IN_USE: one is printing, or isn't within `sight`.
        """
        now = datetime.now(UTC)
        seen, arguments = sight.jobs()
        async with self._database.transaction():
            await self._lock_queue()
            sql = "SELECT status FROM print_jobs WHERE file_id = {} AND status IN ('queued', 'printing')"
            statuses = [row["status"] for row in await self._database.fetch(sql + self._lock_rows, file.id)]
            if "printing" in statuses:
                raise file_in_use(file.name, len(statuses), "A print isn't canceled with its file.")
            changed = "status = 'canceled', state_detail = NULL, completed_at = {}, canceled_at = {}, updated_at = {}"
            sql = f"UPDATE print_jobs SET {changed} WHERE file_id = {{}} AND status = 'queued' AND {seen} RETURNING *"  # noqa: S608
            rows = await self._database.fetch(sql, now, now, now, file.id, *arguments)
            if len(rows) < len(statuses):
                others = len(statuses) - len(rows)
                raise file_in_use(file.name, len(statuses), f"{others} of them you may not cancel.")
        return [job_from_row(row) for row in rows]

    async def reorder(self, items: Sequence[tuple[int, int]], sight: Sight = EVERYTHING) -> list[JobRecord]:
        """Move queued jobs, given as (queue id, place), to their places (1 is next); the others keep their order
        around them. Whoever sees only their own changes the order of these among themselves, and nobody else's place.

        All or nothing. The queue as it is then.

        Raises:
            UnprocessableError: QUEUE_ORDER_INVALID: a job or place twice, or a place that the queue hasn't.
            NotFoundError: JOB_NOT_FOUND: a queue id that no queued or printing job within `sight` has.
            ConflictError: JOB_NOT_QUEUED: a job that is printing.
        """
        places = dict(items)
        if len(places) != len(items) or len(set(places.values())) != len(items):
            raise _bad_order("Every job and every position may be named once.")
        async with self._database.transaction():
            await self._lock_queue()
            queue = await self._locked_queue()
            if any(not 1 <= place <= len(queue) for place in places.values()):
                raise _bad_order(f"A position is between 1 and the queue's length, {len(queue)}.")
            # of several jobs with one number the newest is meant, as everywhere
            newest = {
                job.fluxprint_queue_id: job for job in sorted(queue, key=lambda each: (each.queued_at, each.created_at))
            }
            movable = {job.id for job in queue} if sight is EVERYTHING else await self._queued_within(sight)
            for queue_id in places:
                if queue_id not in newest or newest[queue_id].id not in movable:
                    await self._refuse_reordering(queue_id, sight)
            placed = {place: newest[queue_id] for queue_id, place in places.items()}
            if sight.own_only:
                placed = _among_themselves(queue, placed)
            moved = {job.id for job in placed.values()}
            others = iter([job for job in queue if job.id not in moved])
            now = datetime.now(UTC)
            order: list[JobRecord] = []
            for place in range(1, len(queue) + 1):
                job = placed[place] if place in placed else next(others)
                if job.position != place:
                    rows = await self._database.fetch(
                        "UPDATE print_jobs SET position = {}, updated_at = {} WHERE id = {} RETURNING *",
                        place,
                        now,
                        job.id,
                    )
                    job = job_from_row(rows[0])
                order.append(job)
            return order

    async def link(self, job_id: UUID, project_id: UUID, file_id: UUID | None = None) -> JobRecord:
        """Make a job a project's, and of a file if it has none. Again the same does no harm.

        Raises:
            NotFoundError: JOB_NOT_FOUND, FILE_NOT_FOUND. ConflictError: JOB_LINKED_ELSEWHERE: it is another project's;
            FILE_LINKED_ELSEWHERE: the file is; JOB_HAS_FILE: it is of another file.
        """
        async with self._database.transaction():
            job = await self._lock(job_id)
            if job.project_id not in {None, project_id}:
                raise ConflictError(
                    "This job belongs to another project.", code="JOB_LINKED_ELSEWHERE", field="project_id"
                )
            changes: dict[str, object] = {"project_id": project_id}
            if file_id is not None and file_id != job.file_id:
                if job.file_id is not None:
                    raise ConflictError("This job is of another file.", code="JOB_HAS_FILE", field="file_id")
                await self._check_file(file_id)
                changes["file_id"] = file_id
            return await self._write(job, changes)

    async def cleanup(self, days: int = RETENTION_DAYS) -> int:
        """Delete the jobs that ended more than `days` days ago; how many. The same as the SQL function."""
        if days < 0:
            raise UnprocessableError("The number of days is negative.", code="DAYS_OUT_OF_RANGE", field="days")
        rows = await self._database.fetch(
            "DELETE FROM print_jobs WHERE status IN ('completed', 'failed', 'canceled')"
            " AND COALESCE(completed_at, updated_at) < {} RETURNING id",
            datetime.now(UTC) - timedelta(days=days),
        )
        return len(rows)

    async def _next_queue_id(self) -> int:
        rows = await self._database.fetch(
            "UPDATE print_job_counters SET value = value + 1 WHERE name = 'queue_id' RETURNING value"
        )
        return int(rows[0]["value"])

    async def _lock_queue(self) -> None:
        await self._database.fetch("UPDATE print_job_counters SET value = value WHERE name = 'queue_id'")

    async def _locked_queue(self) -> list[JobRecord]:
        sql = "SELECT * FROM print_jobs WHERE status = 'queued' ORDER BY position, queued_at, id"
        return [job_from_row(row) for row in await self._database.fetch(sql + self._lock_rows)]

    async def _queued_within(self, sight: Sight) -> set[UUID]:
        seen, arguments = sight.jobs()
        sql = f"SELECT id FROM print_jobs WHERE status = 'queued' AND {seen}"  # noqa: S608 - constants
        return {UUID(str(row["id"])) for row in await self._database.fetch(sql, *arguments)}

    async def _by_key(self, key: str) -> JobRecord | None:
        rows = await self._database.fetch("SELECT * FROM print_jobs WHERE idempotency_key = {}", key)
        return job_from_row(rows[0]) if rows else None

    async def _check_file(self, file_id: UUID) -> None:
        """Raise unless the file is there, and keep it there until the transaction ends."""
        sql = "SELECT id FROM files WHERE id = {} AND deleted_at IS NULL"
        if self._database.dialect == "postgres":
            sql += " FOR SHARE"
        rows = await self._database.fetch(sql, file_id)
        if not rows:
            raise NotFoundError("There is no such file.", code="FILE_NOT_FOUND", field="file_id")

    async def _head(self) -> int:
        rows = await self._database.fetch("SELECT min(position) AS position FROM print_jobs WHERE status = 'queued'")
        return 1 if rows[0]["position"] is None else int(rows[0]["position"])

    async def _place(self, priority: int, *, but: UUID | None = None) -> int:
        """The position behind all queued jobs of this or a higher priority, one left out; those behind it make room."""
        rows = await self._database.fetch(
            "SELECT max(position) AS position FROM print_jobs WHERE status = 'queued' AND priority >= {} AND id <> {}",
            priority,
            but or _NOBODY,
        )
        position = await self._head() if rows[0]["position"] is None else int(rows[0]["position"]) + 1
        await self._database.fetch(
            "UPDATE print_jobs SET position = position + 1 WHERE status = 'queued' AND position >= {}", position
        )
        return position

    async def _insert(
        self,
        job: NewJob,
        queue_id: int | None,
        queued_at: datetime,
        key: str | None = None,
        *,
        batch: UUID | None = None,
        number: int = 1,
    ) -> JobRecord:
        now = datetime.now(UTC)
        values = {
            "id": uuid4(),
            "project_id": job.project_id,
            "file_id": job.file_id,
            "fluxprint_queue_id": queue_id,
            "file_name": job.file_name,
            "file_path": job.file_path,
            "status": "queued",
            "position": await self._place(job.priority),
            "priority": job.priority,
            "copies": job.copies,
            "queued_at": queued_at,
            "estimated_time": job.estimated_time,
            "print_settings": job.print_settings,
            "material_type": job.material_type,
            "material_color": job.material_color,
            "notes": job.notes,
            "metadata": job.metadata,
            "idempotency_key": key or (job.idempotency_key if number == 1 else None),
            "created_by": job.created_by,
            "batch_id": batch,
            "copy_number": number,
            "on_hold": job.on_hold,
            "hold_reason": job.hold_reason,
            "target_printer": job.target_printer,
            "requirements": job.requirements,
            "allowed_printers": job.allowed_printers,
            "created_at": now,
            "updated_at": now,
        }
        marks = ", ".join("{}" for _ in values)
        rows = await self._database.fetch(
            f"INSERT INTO print_jobs ({', '.join(values)}) VALUES ({marks}) RETURNING *",  # noqa: S608 - our names
            *(to_column(value) for value in values.values()),
        )
        return job_from_row(rows[0])

    async def _refuse_reordering(self, queue_id: int, sight: Sight) -> None:
        if await self.by_queue_id(queue_id, sight=sight) is None:
            raise NotFoundError(f"There is no queued job {queue_id}.", code="JOB_NOT_FOUND", field="items")
        raise ConflictError(f"Job {queue_id} isn't queued any more.", code="JOB_NOT_QUEUED", field="items")


def _among_themselves(queue: Sequence[JobRecord], placed: Mapping[int, JobRecord]) -> dict[int, JobRecord]:
    """The same jobs in the order that was asked for, on the places that they have between them now."""
    moved = {job.id for job in placed.values()}
    held = [place for place, job in enumerate(queue, 1) if job.id in moved]
    return dict(zip(held, (placed[place] for place in sorted(placed)), strict=True))


def _not_queued(job: JobRecord) -> ConflictError:
    return ConflictError(f"This job isn't waiting any more: it is {job.status}.", code="JOB_NOT_QUEUED")


def _accepted(entry_id: UUID) -> str:
    return f"accepted:{entry_id}"


def _bad_order(message: str) -> UnprocessableError:
    return UnprocessableError(message, code="QUEUE_ORDER_INVALID", field="items")
