"""The dispatcher, with several printers at once, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.bounds import Bounds
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.printers.temperatures import TemperatureHistory
from fluxgate_printing.printers.virtual import VirtualPrinter
from fluxgate_printing.queue.dispatch import Dispatcher, Station
from fluxgate_printing.queue.floor import PrinterFloor
from fluxgate_printing.queue.lane import PrinterLane
from fluxgate_printing.queue.matching import PrinterProfile
from fluxgate_printing.queue.records import JobRecord, NewJob
from fluxgate_printing.queue.repository import JobRepository
from fluxgate_printing.queue.requirements import Requirements
from fluxgate_printing.settings import VirtualPrinterSettings

from fluxgate.db import Database
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


class Slow(VirtualPrinter):
    """Doesn't answer while `answers` is clear; `asked` is set whenever it is asked."""

    def __init__(self, directory: Path) -> None:
        super().__init__(VirtualPrinterSettings(), directory)
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def read_state(self) -> PrinterState:
        self.asked.set()
        await self.answers.wait()
        return await super().read_state()


class Floor:
    """Printers called `a`, `b`, …, each seen idle once and then not asked any more."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.jobs = JobRepository(database)
        self.printers: dict[str, Slow] = {}
        self.stations: dict[str, Station] = {}
        self._records = PrinterFloor(database)
        self.dispatcher = Dispatcher(self.stations, self.jobs, self._records)
        self._folder = folder

    @asynccontextmanager
    async def with_printers(self, **models: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for name, model in models.items():
                driver = self.printers[name] = Slow(self._folder / name)
                supervisor = Supervisor(name, driver)
                stack.push_async_callback(supervisor.aclose)
                lane = PrinterLane(supervisor, self.jobs, self._records, self._content, self._ended, gated=False)
                await lane.start()
                stack.push_async_callback(lane.aclose)
                await supervisor.refresh()
                profile = PrinterProfile(name=name, model=model)
                self.stations[name] = Station(
                    lane,
                    profile,
                    Bounds(max_hotend=300, max_bed=120),
                    TemperatureHistory(),
                    "virtual",
                    auto_start=True,
                )
            yield

    async def job_of(self, printer: str) -> JobRecord:
        """What a printer prints, once it prints something."""
        lane = self.stations[printer].lane
        await eventually(lambda: lane.job)
        assert lane.job is not None
        return lane.job

    async def _content(self, job: JobRecord) -> Path:
        path = self._folder / job.file_name
        path.write_text("G4 S100\n")
        return path

    async def _ended(self, job: JobRecord) -> None:
        """Nobody is told."""


@pytest.fixture
async def floor(database: Database, tmp_path: Path) -> Floor:
    return Floor(database, tmp_path)


async def queued(floor: Floor, model: str | None = None, *, on_hold: bool = False) -> JobRecord:
    needs = None if model is None else Requirements(model=model)
    job, _ = await floor.jobs.enqueue(NewJob(file_name="part.gcode", requirements=needs, on_hold=on_hold))
    return job


async def test_a_printer_that_is_slow_to_answer_holds_up_no_other(floor: Floor) -> None:
    async with floor.with_printers(a="small", b="small"):
        slow = floor.printers["a"]
        slow.answers.clear()
        slow.asked.clear()
        first = await queued(floor)
        await floor.dispatcher.dispatch()
        await slow.asked.wait()
        second = await queued(floor)
        await floor.dispatcher.dispatch()
        assert (await floor.job_of("b")).id == second.id
        slow.answers.set()
        assert (await floor.job_of("a")).id == first.id


async def test_jobs_of_the_same_needs_are_told_apart_by_their_place(floor: Floor) -> None:
    async with floor.with_printers(a="small", b="small", c="large"):
        small = [await queued(floor, "small") for _ in range(3)]
        large = await queued(floor, "large")
        held = await queued(floor, "small", on_hold=True)
        outlook = await floor.dispatcher.look()
        assert outlook.goes_to == {small[0].id: "a", small[1].id: "b", large.id: "c"}
        codes = {
            job_id: [None if reason is None else reason.code for reason in reasons.values()]
            for job_id, reasons in outlook.reasons.items()
        }
        assert codes == {
            small[0].id: [None, "behind", "model"],
            small[1].id: ["behind", None, "model"],
            small[2].id: ["behind", "behind", "model"],
            large.id: ["model", "model", None],
            held.id: ["on_hold"] * 3,
        }
        assert outlook.summary(small[0].id) is None
        assert outlook.summary(small[2].id) == "Another job goes to a first."
