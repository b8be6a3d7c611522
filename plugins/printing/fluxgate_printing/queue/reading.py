"""Reading jobs: by id, by queue id, the queue in its order, the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from fluxgate.db import Database, Row
from fluxgate.errors import NotFoundError
from fluxgate_printing.queue.records import JobRecord, job_from_row
from fluxgate_printing.sight import EVERYTHING, Sight

__all__ = ["JobReader", "print_time"]

FINISHED = "status IN ('completed', 'failed', 'canceled')"


class JobReader:
    """`print_jobs`, to be read. Every method is one statement, so what it answers was so at one moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock_rows = " FOR UPDATE" if database.dialect == "postgres" else ""

    async def find(self, job_id: UUID, sight: Sight = EVERYTHING) -> JobRecord | None:
        """The job, or None."""
        seen, arguments = sight.jobs()
        sql = f"SELECT * FROM print_jobs WHERE id = {{}} AND {seen}"  # noqa: S608 - constants
        return _first(await self._database.fetch(sql, job_id, *arguments))

    async def get(self, job_id: UUID, sight: Sight = EVERYTHING) -> JobRecord:
        """The job.

        Raises:
            NotFoundError: JOB_NOT_FOUND.
        """
        return _found(await self.find(job_id, sight))

    async def by_queue_id(self, queue_id: int, *, ended: bool = False, sight: Sight = EVERYTHING) -> JobRecord | None:
        """The job that a queue id means now: the newest of those queued or printing. FluxPrint may use a number again.

        `ended`: if there is none, the newest of those that ended.
        """
        if not -(2**31) <= queue_id < 2**31:
            return None
        found = _first(
            await self._database.fetch(
                "SELECT * FROM print_jobs WHERE fluxprint_queue_id = {} AND (status IN ('queued', 'printing') OR {})"
                " ORDER BY (status IN ('queued', 'printing')) DESC, queued_at DESC, created_at DESC, id LIMIT 1",
                queue_id,
                ended,
            )
        )
        # The number means the newest job, whoever looks; another one's older job isn't found in its place.
        return found if found is None or sight is EVERYTHING else await self.find(found.id, sight)

    async def queue(self) -> list[JobRecord]:
        """The queued jobs, next first."""
        return _all(
            await self._database.fetch(
                "SELECT * FROM print_jobs WHERE status = 'queued' ORDER BY position, queued_at, id"
            )
        )

    async def active(self, sight: Sight = EVERYTHING) -> list[JobRecord]:
        """The printing jobs, longest first, then the queued ones in their order."""
        seen, arguments = sight.jobs()
        return _all(
            await self._database.fetch(
                f"SELECT * FROM print_jobs WHERE status IN ('queued', 'printing') AND {seen}"  # noqa: S608 - constants
                " ORDER BY (status = 'printing') DESC, started_at, position, queued_at, id",
                *arguments,
            )
        )

    async def printed_by(self, printer: str) -> JobRecord | None:
        """The job that a printer prints, the first if there are several; None if there is none."""
        return _first(
            await self._database.fetch(
                "SELECT * FROM print_jobs WHERE status = 'printing' AND printer_name = {}"
                " ORDER BY started_at, position, queued_at, id LIMIT 1",
                printer,
            )
        )

    async def changed_since(self, moment: datetime) -> list[JobRecord]:
        """The jobs that were written since, earliest first."""
        return _all(
            await self._database.fetch(
                "SELECT * FROM print_jobs WHERE updated_at >= {} ORDER BY updated_at, id LIMIT 20000", moment
            )
        )

    async def active_counts(self) -> dict[str, int]:
        """How many jobs wait (`queued`) and print (`printing`)."""
        rows = await self._database.fetch(
            "SELECT status, count(*) AS n FROM print_jobs WHERE status IN ('queued', 'printing') GROUP BY status"
        )
        return {str(row["status"]): int(row["n"]) for row in rows}

    async def counts(self, sight: Sight = EVERYTHING) -> dict[str, int]:
        """How many jobs there are of each status; statuses without any are missing."""
        seen, arguments = sight.jobs()
        sql = f"SELECT status, count(*) AS n FROM print_jobs WHERE {seen} GROUP BY status"  # noqa: S608 - constants
        rows = await self._database.fetch(sql, *arguments)
        return {str(row["status"]): int(row["n"]) for row in rows}

    async def calculate_print_time(self, job_id: UUID) -> int | None:
        """Whole seconds from the start to the end, or until now while it prints; None if it never started.

        The same as the SQL function.

        Raises:
            NotFoundError: JOB_NOT_FOUND.
        """
        return print_time(await self.get(job_id), datetime.now(UTC))

    async def _lock(self, job_id: UUID) -> JobRecord:
        """The job, unchangeable by others until the transaction ends."""
        sql = "SELECT * FROM print_jobs WHERE id = {}" + self._lock_rows  # noqa: S608 - constants
        rows = await self._database.fetch(sql, job_id)
        return _found(_first(rows))


def print_time(job: JobRecord, now: datetime) -> int | None:
    """See `calculate_print_time`."""
    end = now if job.completed_at is None and job.status == "printing" else job.completed_at
    if end is None or job.started_at is None:
        return None
    return max(0, int((end - job.started_at).total_seconds()))


def _all(rows: Iterable[Row]) -> list[JobRecord]:
    return [job_from_row(row) for row in rows]


def _first(rows: list[Row]) -> JobRecord | None:
    return job_from_row(rows[0]) if rows else None


def _found(job: JobRecord | None) -> JobRecord:
    if job is None:
        raise NotFoundError("There is no such print job.", code="JOB_NOT_FOUND")
    return job
