"""Gives waiting jobs to printers that take them by themselves, and says of every job why it isn't printing.

One look at queue and printers answers both, so that they can't disagree. What is claimed is settled in the lane and
the database; a dispatcher that is wrong about either is refused there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from fluxgate.errors import ProblemError
from fluxgate_printing.printers.bounds import Bounds
from fluxgate_printing.printers.temperatures import TemperatureHistory
from fluxgate_printing.queue.floor import PrinterFloor, PrinterRecord
from fluxgate_printing.queue.lane import PrinterLane
from fluxgate_printing.queue.matching import PrinterProfile, Reason, ReasonCode, least_used, unfit
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.refusals import bed_not_clear, check_ready, occupied
from fluxgate_printing.queue.repository import JobRepository

__all__ = ["Dispatcher", "Outlook", "Station", "takes_by_itself"]

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
TRIES = 3
"""So often a job may come back from a printer before it is put on hold."""
FIRST_REST = 10.0
"""Seconds before a job that came back is tried again; twice as long each time."""

_STATE_CODES: Mapping[str, ReasonCode] = {"PRINTER_OFFLINE": "offline", "PRINTER_ERROR": "error"}
# Which of several printers' reasons says best why a job waits: the one that is nearest to taking it.
_NEAREST: Sequence[ReasonCode] = (
    "on_hold",
    "retrying",
    "behind",
    "by_hand",
    "queue_paused",
    "busy",
    "bed_not_clear",
    "outcome_unknown",
    "error",
    "offline",
    "filament",
    "material",
    "nozzle",
    "build_volume",
    "group",
    "model",
    "not_allowed",
    "other_printer",
)
_NEARNESS: Mapping[ReasonCode, int] = {code: place for place, code in enumerate(_NEAREST)}


class Station(msgspec.Struct, frozen=True):
    """A printer with all that belongs to it. `driver`: what kind speaks to it; `auto_start`: as configured."""

    lane: PrinterLane
    profile: PrinterProfile
    bounds: Bounds
    temperatures: TemperatureHistory
    driver: str
    auto_start: bool


def takes_by_itself(station: Station, record: PrinterRecord) -> bool:
    """Whether a printer takes jobs by itself: as somebody said, or else as configured."""
    return station.auto_start if record.auto_start is None else record.auto_start


class Outlook(msgspec.Struct, frozen=True):
    """Why the queued jobs wait, at one moment. `reasons`: by job and printer; None: it goes there next, as `goes_to`
    says too."""

    queue: list[JobRecord]
    paused: bool
    reasons: Mapping[UUID, Mapping[str, Reason | None]]
    goes_to: Mapping[UUID, str]

    def summary(self, job_id: UUID) -> str | None:
        """The one reason that says best why a job waits; None if it goes to a printer right now."""
        reasons = self.reasons.get(job_id, {})
        told = [reason for reason in reasons.values() if reason is not None]
        if len(told) < len(reasons) or not told:
            return None
        return min(told, key=lambda reason: _NEARNESS[reason.code]).message


class Dispatcher:
    """One per process, for its printers. `stations` may change while it runs."""

    def __init__(self, stations: Mapping[str, Station], jobs: JobRepository, floor: PrinterFloor) -> None:
        self.stations = stations
        self._jobs = jobs
        self._floor = floor
        self._wake = asyncio.Event()
        self._failures: dict[UUID, tuple[int, float]] = {}
        self._holding: set[asyncio.Task[None]] = set()
        self._giving: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Something changed: look now."""
        self._wake.set()

    def freed(self, job: JobRecord, put_back: str | None) -> None:
        """A lane has its job no more; for `PrinterLane.freed`."""
        if put_back is None:
            self._failures.pop(job.id, None)
        else:
            tries = self._failures.get(job.id, (0, 0.0))[0] + 1
            self._failures[job.id] = (tries, time.monotonic() + FIRST_REST * 2 ** (tries - 1))
            if tries >= TRIES:
                self._put_on_hold(job, put_back)
        self.wake()

    async def run(self) -> None:
        """Look whenever something changes, and now and then."""
        try:
            while True:
                await self._dispatch_or_say_why()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            giving = tuple(self._giving.values())
            for task in giving:
                task.cancel()
            await asyncio.gather(*giving, return_exceptions=True)

    async def _dispatch_or_say_why(self) -> None:
        try:
            await self.dispatch()
        except ProblemError as error:
            log.warning("the queue can't be looked at: %s", error)
        except Exception:
            log.exception("dispatching failed")

    async def dispatch(self) -> None:
        """Begin to give every printer that takes jobs by itself, and is free, the first that fits. One that is slow to
        answer holds up no other."""
        if not any(_is_free(station.lane) for station in self.stations.values()):
            return
        outlook = await self.look()
        for job in outlook.queue:
            name = outlook.goes_to.get(job.id)
            if name is not None and name not in self._giving:
                self._begin_to_give(job, name)

    async def look(self) -> Outlook:
        """Queue and printers now. UnavailableError when the database doesn't answer."""
        queue, floor, paused = await self._jobs.queue(), await self._floor.all(), await self._jobs.is_paused()
        records = {name: floor.get(name) or PrinterRecord(name=name) for name in self.stations}
        places = {name: place for place, name in enumerate(least_used(records, _used_seconds(records)))}
        states = {name: self._state_of(station, records[name]) for name, station in self.stations.items()}
        reserved = {name: _reserved(station, records[name], paused) for name, station in self.stations.items()}
        # Hundreds of jobs wait for hundreds of printers, and most of them need the same.
        known: dict[object, dict[str, Reason | None]] = {}
        reasons: dict[UUID, dict[str, Reason | None]] = {}
        goes_to: dict[UUID, str] = {}
        promised: dict[str, Reason | None] = {}
        now = time.monotonic()
        for job in queue:
            if job.on_hold:
                reasons[job.id] = dict.fromkeys(self.stations, _on_hold(job))
                continue
            if now < self._failures.get(job.id, (0, 0.0))[1]:
                reasons[job.id] = self._obstacles(job, records, states, dict.fromkeys(self.stations, _retried(job)))
                continue
            needs = (job.target_printer, job.allowed_printers, job.requirements)
            if needs not in known:
                known[needs] = self._obstacles(job, records, states, reserved)
            obstacles = reasons[job.id] = known[needs]
            fit = [name for name, reason in obstacles.items() if reason is None]
            if free := [name for name in fit if name not in promised]:
                first = goes_to[job.id] = min(free, key=places.__getitem__)
                behind = dict.fromkeys(fit, Reason("behind", f"It goes to {first}."))
                reasons[job.id] = obstacles | behind | {name: promised[name] for name in fit if name in promised}
                reasons[job.id][first] = None
                promised[first] = Reason("behind", f"Another job goes to {first} first.")
            elif fit:
                reasons[job.id] = obstacles | {name: promised[name] for name in fit}
        self._forget_others(reasons)
        return Outlook(queue, paused, reasons, goes_to)

    def _obstacles(
        self,
        job: JobRecord,
        records: Mapping[str, PrinterRecord],
        states: Mapping[str, Reason | None],
        otherwise: Mapping[str, Reason | None],
    ) -> dict[str, Reason | None]:
        """Why each printer doesn't take the job; where neither job nor printer is in the way, as `otherwise` says."""
        return {
            name: unfit(job, station.profile, records[name].loaded) or states[name] or otherwise[name]
            for name, station in self.stations.items()
        }

    def _state_of(self, station: Station, record: PrinterRecord) -> Reason | None:
        lane = station.lane
        if lane.job is not None:
            code: ReasonCode = "outcome_unknown" if lane.is_held else "busy"
            return Reason(code, occupied(lane.name, unknown=lane.is_held).message)
        try:
            check_ready(lane.name, lane.supervisor.state)
        except ProblemError as problem:
            return Reason(_STATE_CODES.get(problem.problem_code, "busy"), problem.message)
        if lane.gated and record.bed is not None:
            return Reason("bed_not_clear", bed_not_clear(lane.name, record).message)
        return None

    def _begin_to_give(self, job: JobRecord, name: str) -> None:
        task = asyncio.create_task(self._give(job, name), name=f"give job {job.id} to {name}")
        self._giving[name] = task
        task.add_done_callback(lambda _: self._giving.pop(name))

    async def _give(self, job: JobRecord, name: str) -> None:
        station = self.stations.get(name)
        if station is None:
            return  # it was taken out of service meanwhile
        try:
            await station.lane.print(job)
        except ProblemError as problem:
            log.info("printer %s doesn't take job %s: %s", name, job.id, problem.message)
        except Exception:
            log.exception("printer %s: giving it job %s failed", name, job.id)
        else:
            log.info("printer %s takes job %s", name, job.id)

    def _put_on_hold(self, job: JobRecord, reason: str) -> None:
        async def hold() -> None:
            with contextlib.suppress(ProblemError):
                await self._jobs.hold(job.id, f"It came back {TRIES} times. {reason}")

        self._failures.pop(job.id, None)
        task = asyncio.create_task(hold(), name=f"hold job {job.id}")
        self._holding.add(task)
        task.add_done_callback(self._holding.discard)

    def _forget_others(self, queued: Mapping[UUID, object]) -> None:
        now = time.monotonic()
        for job_id in [job_id for job_id, (_, until) in self._failures.items() if job_id not in queued]:
            if self._failures[job_id][1] < now - 3600:
                del self._failures[job_id]


def _reserved(station: Station, record: PrinterRecord, paused: bool) -> Reason | None:
    """Why a printer that could take a job doesn't."""
    if not takes_by_itself(station, record):
        return Reason("by_hand", "It waits to be started.")
    return Reason("queue_paused", "The queue is paused.") if paused else None


def _on_hold(job: JobRecord) -> Reason:
    return Reason("on_hold", f"It is on hold: {job.hold_reason}" if job.hold_reason else "It is on hold.")


def _retried(job: JobRecord) -> Reason:
    return Reason("retrying", f"It is tried again in a moment. {job.state_detail or ''}".strip())


def _used_seconds(records: Mapping[str, PrinterRecord]) -> dict[str, int]:
    return {name: record.used_seconds for name, record in records.items()}


def _is_free(lane: PrinterLane) -> bool:
    state = lane.supervisor.state
    return lane.job is None and not lane.out_of_service and state.status == "idle" and not state.stale
