"""What is told live: each printer's state, each job that waits or prints, and the queue as a whole.

Printers tell by themselves, through their supervisors. Jobs are read from the database, so that what another process,
a person or FluxPrint did to one is told too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from fluxgate.errors import ProblemError
from fluxgate.plugin import Principal
from fluxgate.streams.events import Event, EventHub, Sees
from fluxgate_printing.callers import Callers
from fluxgate_printing.queue.dispatch import Station
from fluxgate_printing.queue.floor import PrinterFloor, PrinterRecord
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.states import FINAL

__all__ = ["TOPICS", "Live", "Topic", "Wanted"]

log = logging.getLogger(__name__)

Topic = Literal["printers", "jobs", "queue"]
TOPICS: frozenset[Topic] = frozenset({"printers", "jobs", "queue"})
LOOK_EVERY = 1.0
OVERLAP = timedelta(seconds=5)
"""A row may be committed some time after its `updated_at`."""

PrinterJson = Callable[[Station, PrinterRecord], bytes]


class OfPrinter(msgspec.Struct, frozen=True, gc=False):
    """The scope of a printer's state."""

    printer: str


class OfJob(msgspec.Struct, frozen=True, gc=False):
    """The scope of a job."""

    created_by: str | None
    project_id: UUID | None
    printer: str | None


class QueueState(msgspec.Struct, frozen=True):
    """The queue as a whole."""

    paused: bool
    waiting: int
    printing: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a listener asks for. `printers`: these alone; `project`: jobs of this one alone; None: all that it may
    see."""

    topics: frozenset[Topic] = TOPICS
    printers: frozenset[str] | None = None
    project: UUID | None = None


class Live:
    """One per process. `stations` may change while it runs."""

    def __init__(
        self, stations: Mapping[str, Station], jobs: JobRepository, floor: PrinterFloor, json: PrinterJson
    ) -> None:
        self.hub = EventHub()
        self._stations = stations
        self._jobs = jobs
        self._floor = floor
        self._json = json
        self._records: dict[str, PrinterRecord] = {}
        self._told: dict[UUID, datetime] = {}
        self._since = datetime.now(UTC) - OVERLAP
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._is_behind = False

    def look(self) -> None:
        """Something was done to a job or said of a printer: look now."""
        self._is_behind = True
        self._wake.set()

    def printer_changed(self, name: str) -> None:
        """A printer is in another state."""
        station = self._stations.get(name)
        if station is None:
            self.hub.publish(_printer(name), "printer-gone", _named(name), scope=OfPrinter(name), gone=True)
            return
        record = self._records.get(name) or PrinterRecord(name=name)
        self.hub.publish(
            _printer(name), "printer", self._json(station, record), scope=OfPrinter(name), parting=_named(name)
        )

    def in_order(self, told: Iterable[Event]) -> list[Event]:
        """The same, printers in the order of `GET /printers`."""
        places = {name: number for number, name in enumerate(self._stations)}
        return sorted(told, key=lambda event: places.get(getattr(event.scope, "printer", None) or "", len(places)))

    async def run(self) -> None:
        """Look at jobs and printers, whenever something was done to one and every second."""
        while True:
            try:
                async with self._looking:
                    await self._look()
            except ProblemError as error:
                log.warning("what is told live can't be read: %s", error)
            except Exception:
                log.exception("telling live failed")
            self._wake.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _catch_up(self) -> None:
        """Whoever listens from now on is told of what was done just now, too."""
        with contextlib.suppress(ProblemError):
            async with self._looking:
                if self._is_behind:
                    await self._look()

    async def _look(self) -> None:
        self._is_behind = False
        before, self._records = self._records, await self._floor.all()
        for name in self._stations.keys() | before.keys():
            if self._records.get(name) != before.get(name):
                self.printer_changed(name)
        if self._told:
            changed = await self._jobs.changed_since(self._since)
        else:
            changed = await self._jobs.active()
        now = datetime.now(UTC)
        for job in changed:
            self._tell(job)
            self._since = max(self._since, min(job.updated_at, now) - OVERLAP)
        counts = await self._jobs.active_counts()
        state = QueueState(await self._jobs.is_paused(), counts.get("queued", 0), counts.get("printing", 0))
        self.hub.publish("queue", "queue", msgspec.json.encode(state))

    def _tell(self, job: JobRecord) -> None:
        ended = job.status in FINAL
        if self._told.get(job.id) == job.updated_at or (ended and job.id not in self._told):
            return
        if ended:
            del self._told[job.id]
        else:
            self._told[job.id] = job.updated_at
        self.hub.publish(
            f"job:{job.id}",
            "job",
            msgspec.json.encode(job),
            scope=OfJob(job.created_by, job.project_id, job.printer_name),
            parting=msgspec.json.encode({"id": job.id}),
            gone=ended,
        )

    async def sees(self, callers: Callers, principal: Principal, wanted: Wanted) -> Sees:
        """What of it a caller is told who wants that."""
        await self._catch_up()
        sight = await callers.sees_by_projects(principal)
        printers = callers.access.printers(principal)

        def sees(event: Event) -> bool:
            match event.scope:
                case OfPrinter(printer):
                    return (
                        "printers" in wanted.topics and _within(printer, printers) and _within(printer, wanted.printers)
                    )
                case OfJob() as scope:
                    if "jobs" not in wanted.topics or not _asked(scope, wanted):
                        return False
                    return sight.has_job(scope.created_by, scope.project_id, scope.printer)
            return "queue" in wanted.topics

        return sees


def _asked(scope: OfJob, wanted: Wanted) -> bool:
    if wanted.project is not None and scope.project_id != wanted.project:
        return False
    return wanted.printers is None or scope.printer is None or scope.printer in wanted.printers


def _within(name: str, names: Collection[str] | None) -> bool:
    return names is None or name in names


def _printer(name: str) -> str:
    return f"printer:{name}"


def _named(name: str) -> bytes:
    return msgspec.json.encode({"name": name})
