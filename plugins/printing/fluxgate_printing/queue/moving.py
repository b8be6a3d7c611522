"""Moving a job through its states. Every write of `status` is here, checked against `states.py`, and safe with
several processes.

A claim is one conditional UPDATE behind a look at the printer's bed. The other moves lock the row, decide in Python and
write, in one transaction.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from fluxgate.db import Database, UniqueViolationError
from fluxgate.errors import ConflictError, UnprocessableError
from fluxgate_printing.queue.reading import JobReader
from fluxgate_printing.queue.records import JobRecord, job_from_row, to_column
from fluxgate_printing.queue.states import FINAL, FinalStatus, InvalidTransitionError, check_transition
from fluxgate_printing.usage import DENSITIES, planned_grams, used_grams

__all__ = ["STARTING", "JobMover"]

STARTING = "starting"
"""`printer_status` from when the start command leaves until the printer is seen at it."""

Changes = dict[str, Any]


class JobMover(JobReader):
    """Moves of one job. All raise `NotFoundError` (JOB_NOT_FOUND) and `InvalidTransitionError`
    (JOB_TRANSITION_REFUSED).

    `density`: of materials that aren't known, in g/cm³; with it is told what a print took.
    """

    def __init__(self, database: Database, *, density: float = DENSITIES["PLA"]) -> None:
        super().__init__(database)
        self._density = density

    async def claim(self, job_id: UUID, printer: str, *, any_bed: bool = False) -> JobRecord | None:
        """Give a queued job to a printer whose bed is clear (`any_bed`: or isn't): it is `printing` from now on. None
        if it isn't queued any more, is held, or the bed isn't clear: somebody was first.

        Raises:
            ConflictError: PRINTER_BUSY: another job is printing there, or its outcome there isn't known.
        """
        now = datetime.now(UTC)
        try:
            async with self._database.transaction():
                # Locked, so that whoever ends a print there just now has noted first what that does to the bed.
                sql = "SELECT bed FROM print_printers WHERE name = {}" + self._lock_rows  # noqa: S608 - constants
                beds = await self._database.fetch(sql, printer)
                if beds and beds[0]["bed"] is not None and not any_bed:
                    return None
                rows = await self._database.fetch(
                    "UPDATE print_jobs SET status = 'printing', printer_name = {}, printer_status = NULL,"
                    " started_at = {}, progress = 0, state_detail = NULL, outcome_unknown = {}, updated_at = {}"
                    " WHERE id = {} AND status = 'queued' AND NOT on_hold RETURNING *",
                    printer,
                    now,
                    False,
                    now,
                    job_id,
                )
        except UniqueViolationError as error:
            raise ConflictError(f"Printer {printer} has another job.", code="PRINTER_BUSY") from error
        return job_from_row(rows[0]) if rows else None

    async def note_start(self, claimed: JobRecord, printer_file: str) -> bool:
        """The start command of this claim leaves next, for the file that the printer calls `printer_file`.

        False: the job was settled, or is another claim's by now, and it must not leave. While `printer_status` is null,
        it hasn't.
        """
        rows = await self._database.fetch(
            "UPDATE print_jobs SET printer_status = {}, file_path = {}, updated_at = {}"
            " WHERE id = {} AND status = 'printing' AND printer_name = {} AND started_at = {}"
            " AND printer_status IS NULL RETURNING id",
            STARTING,
            printer_file,
            datetime.now(UTC),
            claimed.id,
            claimed.printer_name,
            claimed.started_at,
        )
        return bool(rows)

    async def update_progress(
        self,
        job_id: UUID,
        progress: float,
        *,
        printer_status: str | None = None,
        estimated_time: int | None = None,
        material_used: float | None = None,
    ) -> JobRecord:
        """Note how far a printing job is, in percent (what a printer says beyond 0 and 100 is cut). None leaves a
        value as it is."""
        if math.isnan(progress):
            raise ValueError("progress is not a number")
        rows = await self._database.fetch(
            "UPDATE print_jobs SET progress = {}, printer_status = COALESCE({}, printer_status),"
            " estimated_time = COALESCE({}, estimated_time), material_used = COALESCE({}, material_used),"
            " updated_at = {} WHERE id = {} AND status = 'printing' RETURNING *",
            to_column(float(min(100.0, max(0.0, progress)))),
            printer_status,
            estimated_time,
            to_column(material_used),
            datetime.now(UTC),
            job_id,
        )
        if not rows:
            raise InvalidTransitionError((await self.get(job_id)).status, "printing")
        return job_from_row(rows[0])

    async def finish(
        self,
        job_id: UUID,
        status: FinalStatus,
        *,
        error_message: str | None = None,
        actual_time: int | None = None,
        material_used: float | None = None,
    ) -> JobRecord:
        """End a job. `actual_time` in seconds (default: since it started), `material_used` in grams (default: as its
        file says, as far as it got)."""
        if status not in FINAL:
            raise ValueError(f"{status} is not an end")
        async with self._database.transaction():
            job = await self._lock(job_id)
            changes = _entering(job, status, error_message=error_message)
            if actual_time is not None:
                changes["actual_time"] = actual_time
            if material_used is not None:
                changes["material_used"] = material_used
            return await self._write(job, await self._with_material(job, changes))

    async def cancel(self, job_id: UUID) -> JobRecord:
        """Cancel a queued or printing job. What its printer does about it is the caller's business."""
        return await self.finish(job_id, "canceled")

    async def withdraw(self, job_id: UUID) -> JobRecord:
        """Cancel a job unless it is being printed: one that is queued, or whose outcome isn't known.

        Raises:
            ConflictError: JOB_PRINTING.
        """
        async with self._database.transaction():
            job = await self._lock(job_id)
            if job.status == "printing" and not job.outcome_unknown:
                raise ConflictError(
                    f"{job.file_name} is printing; cancel the print with POST /job/cancel.", code="JOB_PRINTING"
                )
            return await self._write(job, await self._with_material(job, _entering(job, "canceled")))

    async def update_status(
        self, job_id: UUID, status: str, progress: float | None = None, error_message: str | None = None
    ) -> JobRecord:
        """Set the status, with the times that go with it. The same as the SQL function `update_print_job_status`, but
        that the material used is noted too.

        Raises:
            UnprocessableError: PROGRESS_OUT_OF_RANGE.
        """
        if progress is not None and not 0 <= progress <= 100:
            raise UnprocessableError("Progress is between 0 and 100.", code="PROGRESS_OUT_OF_RANGE", field="progress")
        async with self._database.transaction():
            job = await self._lock(job_id)
            changes = _entering(job, status, progress=progress, error_message=error_message)
            return await self._write(job, await self._with_material(job, changes))

    async def mark_unknown(self, job_id: UUID, reason: str) -> JobRecord:
        """Hold a printing job: whether its printer carries it out isn't known. Nothing retries it by itself."""
        return await self._annotate(job_id, {"outcome_unknown": True, "state_detail": reason})

    async def adopt(self, job_id: UUID) -> JobRecord:
        """The printer was seen at work on this printing job: its outcome isn't unknown any more."""
        return await self._annotate(job_id, {"outcome_unknown": False, "state_detail": None})

    async def _with_material(self, job: JobRecord, changes: Changes) -> Changes:
        """`changes`, and what the print took, if they end the job and nobody has said so yet."""
        known = job.material_used is not None or "material_used" in changes
        if changes["status"] not in FINAL or known or job.started_at is None or job.file_id is None:
            return changes
        rows = await self._database.fetch("SELECT analysis FROM files WHERE id = {}", job.file_id)
        analysis = msgspec.json.decode(rows[0]["analysis"]) if rows and rows[0]["analysis"] else None
        planned = planned_grams(analysis, density=self._density, material=job.material_type)
        if planned is None:
            return changes
        used = used_grams(planned, changes["status"], changes.get("progress", job.progress))
        return {**changes, "material_used": used}

    async def _annotate(self, job_id: UUID, changes: Changes) -> JobRecord:
        async with self._database.transaction():
            job = await self._lock(job_id)
            if job.status != "printing":
                raise InvalidTransitionError(job.status, "printing")
            return await self._write(job, changes)

    async def _write(self, job: JobRecord, changes: Changes) -> JobRecord:
        columns = ", ".join(f"{column} = {{}}" for column in changes)
        values = [to_column(value) for value in changes.values()]
        rows = await self._database.fetch(
            f"UPDATE print_jobs SET {columns}, updated_at = {{}} WHERE id = {{}} RETURNING *",  # noqa: S608 - our names
            *values,
            datetime.now(UTC),
            job.id,
        )
        return job_from_row(rows[0])


def _entering(
    job: JobRecord, status: str, *, progress: float | None = None, error_message: str | None = None
) -> Changes:
    """What changes in `job` when it enters `status`. `update_print_job_status` does the same in SQL."""
    check_transition(job.status, status)
    now = datetime.now(UTC)
    changes: Changes = {"status": status}
    if progress is not None:
        changes["progress"] = progress
    if error_message is not None:
        changes["error_message"] = error_message
    if status == "printing" and job.started_at is None:
        changes["started_at"] = now
    if status != job.status:
        changes |= {"outcome_unknown": False, "state_detail": None}
    if status in FINAL:
        changes["completed_at"] = now
        if job.actual_time is None and job.started_at is not None:
            changes["actual_time"] = max(0, int((now - job.started_at).total_seconds()))
    if status == "completed":
        changes["progress"] = 100.0
    elif status == "canceled":
        changes["canceled_at"] = now
    elif status == "failed":
        changes["error_timestamp"] = now
    return changes
