"""A printer that a test scripts, and a lane on a real database that it can crash and rebuild: with a record of what
really happened, to hold the database's story against.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec
from fluxgate_printing.models import PrinterState, PrinterStatus
from fluxgate_printing.printers.base import (
    PrinterBusyError,
    PrinterDriver,
    PrinterOfflineError,
    PrinterOutcomeUnknown,
)
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.queue.floor import PrinterFloor
from fluxgate_printing.queue.lane import PrinterLane
from fluxgate_printing.queue.records import JobRecord, NewJob
from fluxgate_printing.queue.repository import JobRepository

from fluxgate.db import Database, Row
from fluxgate.errors import ProblemError, UnavailableError

StartMode = Literal[
    "taken", "busy", "offline", "unknown-taken", "unknown-lost", "stall-taken", "stall-lost", "bug", "ignored"
]
START_MODES: tuple[StartMode, ...] = (
    "taken",
    "busy",
    "offline",
    "unknown-taken",
    "unknown-lost",
    "stall-taken",
    "stall-lost",
    "bug",
)
PRINTER = "scripted"


class Print(msgspec.Struct):
    """What really was printed. `job`: None for one that a person began at the printer."""

    job: UUID | None
    file: str
    result: Literal["running", "completed", "stopped"] = "running"


class Start(msgspec.Struct):
    """A start command that left. `row`: the job's row at that moment."""

    job: UUID
    row: dict[str, Any]
    refused: bool = False


class ScriptedPrinter(PrinterDriver):
    """Does what it is told; survives the gateway's crashes."""

    def __init__(self, rig: LaneRig) -> None:
        self._rig = rig
        self.status: PrinterStatus = "idle"
        self.file: str | None = None
        self.completion: float | None = None
        self.reachable = True
        self.mode: StartMode = "taken"
        self.uploads = asyncio.Event()
        self.answers = asyncio.Event()
        self.prints: list[Print] = []
        self.starts: list[Start] = []
        self.orphans: list[str] = []
        self.cancels = 0
        self.overtaken: list[PrinterState] = []
        """Answers that come late: it has been in another state since."""

    @property
    def printing(self) -> Print | None:
        return self.prints[-1] if self.prints and self.prints[-1].result == "running" else None

    def begin(self, job: UUID | None, file: str) -> None:
        self.status, self.file, self.completion = "printing", file, 1.0
        self.prints.append(Print(job, file))

    def end(self, *, completed: bool, status: PrinterStatus = "idle") -> None:
        if self.printing is not None:
            self.printing.result = "completed" if completed else "stopped"
            self.completion = 100.0 if completed else None
            self.status = status

    async def read_state(self) -> PrinterState:
        self._check()
        if self.overtaken:
            return msgspec.structs.replace(self.overtaken.pop(), observed_at=time.time())
        return PrinterState(
            status=self.status,
            text=self.status,
            file=self.file if self.status not in {"offline", "error"} else None,
            completion=self.completion,
            observed_at=time.time(),
        )

    async def upload(self, name: str, path: Path) -> str:
        self._check()
        await self.uploads.wait()
        self._check()
        return f"stored-{name}"

    async def start(self, name: str) -> None:
        self._check()
        if self.status != "idle":
            raise PrinterBusyError("busy")
        job = self._rig.lane.job
        if job is None:  # the lane takes an error here for a driver's bug, so it is the test that has to see it
            self.orphans.append(name)
            raise PrinterBusyError("a start command for no job")
        mode = self.mode
        start = Start(job.id, self._rig.row(job.id), refused=mode in {"busy", "offline"})
        self.starts.append(start)
        if start.refused:
            raise PrinterBusyError("busy") if mode == "busy" else PrinterOfflineError("offline")
        if mode in {"taken", "unknown-taken", "stall-taken"}:
            self.begin(job.id, name)
        if mode.startswith("stall"):
            await self.answers.wait()
        if mode in {"unknown-taken", "unknown-lost", "stall-lost"}:
            raise PrinterOutcomeUnknown("no answer")
        if mode == "bug":
            raise RuntimeError("a bug in a driver")

    async def pause(self) -> None:
        self._command({"printing"}, "paused")

    async def resume(self) -> None:
        self._command({"paused"}, "printing")

    async def cancel(self) -> None:
        self._check()
        if self.printing is None:
            raise PrinterBusyError("nothing prints")
        self.cancels += 1
        self.end(completed=False)

    async def connect(self) -> None:
        self._check()

    async def delete_file(self, name: str) -> None:
        self._check()

    async def camera_url(self) -> str | None:
        return None

    async def aclose(self) -> None:
        """It lives on."""

    def _check(self) -> None:
        if not self.reachable:
            raise PrinterOfflineError("no answer")

    def _command(self, before: set[str], after: PrinterStatus) -> None:
        self._check()
        if self.status not in before:
            raise PrinterBusyError("not now")
        self.status = after


class FlakyDatabase(Database):
    """A database that can be away."""

    away = False

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        self._check()
        return await super().fetch(sql, *args)

    def transaction(self) -> AbstractAsyncContextManager[None]:
        self._check()
        return super().transaction()

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("The database can't be reached.", code="DATABASE_UNAVAILABLE")


class LaneRig:
    """One printer, one database, and the gateway's lane over them, `crash`ed as often as wanted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.gated = False
        self.confirm_timeouts: tuple[float, ...] = (0.05,)
        self.freed: list[str | None] = []
        self.database = FlakyDatabase(f"sqlite:///{path}")
        self.jobs = JobRepository(self.database)
        self.floor = PrinterFloor(self.database)
        self.printer = ScriptedPrinter(self)
        self.ended: list[UUID] = []
        self.added: list[JobRecord] = []
        self.lane: PrinterLane

    async def build(self) -> None:
        """A gateway process begins. Like the real one it needs its database."""
        self.database.away = False
        supervisor = Supervisor(PRINTER, self.printer, 0.002)
        self.lane = PrinterLane(
            supervisor,
            self.jobs,
            self.floor,
            self._content,
            self._ended,
            gated=self.gated,
            freed=lambda job, reason: self.freed.append(reason),
            confirm_timeouts=self.confirm_timeouts,
            confirm_every=0.001,
            retry_write=0.002,
        )
        await self.lane.start()
        supervisor.start()

    async def crash(self) -> None:
        """It ends in the middle of whatever it did, and another begins."""
        await self.lane.aclose()
        await self.lane.supervisor.aclose()
        await self.build()

    async def close(self) -> None:
        await self.lane.aclose()
        await self.lane.supervisor.aclose()
        await self.database.stop()

    async def add(self, name: str = "a.gcode") -> JobRecord:
        job, _ = await self.jobs.enqueue(NewJob(file_name=name, file_path=name))
        self.added.append(job)
        return job

    async def settle(self, job: JobRecord, status: str) -> None:
        """A person says what became of it, as the service does."""
        await self.jobs.update_status(job.id, status)
        self.lane.let_go(job.id)

    async def withdraw(self, job: JobRecord) -> None:
        await self.jobs.withdraw(job.id)
        self.lane.let_go(job.id)

    def row(self, job_id: UUID) -> dict[str, Any]:
        """As the database has it at this moment, by another connection."""
        return next(row for row in self.rows() if row["id"] == str(job_id))

    def rows(self) -> list[dict[str, Any]]:
        connection = sqlite3.connect(self.path, timeout=5)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM print_jobs ORDER BY created_at")]
        finally:
            connection.close()

    async def _content(self, job: JobRecord) -> Path:
        return self.path

    async def _ended(self, job: JobRecord) -> None:
        self.ended.append(job.id)


async def attempt(work: Any) -> bool:
    """Await a command; whether it was taken. All that it may raise is a problem for the client."""
    try:
        await work
    except ProblemError:
        return False
    return True
