"""The lane, held against what really happened at a scripted printer, through any sequence of commands, faults and
crashes.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from fluxgate_printing.models import PrinterState
from fluxgate_printing.queue.records import JobRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.printing.tests.queue.lane_rig import START_MODES, LaneRig, attempt
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

ACTIONS = (
    "add", "add", "print", "print", "print", "open uploads", "open uploads", "close uploads", "answer", "wait", "wait",
    "cancel", "withdraw", "settle", "progress", "finish", "finish", "stop at the printer", "hand start", "error",
    "recover", "unreachable", "reachable", "lost printer", "pause", "resume", "crash", "crash", "database away",
    "database back", "mode",
)  # fmt: skip


@pytest.fixture(scope="session")
def template(sqlite_template: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, for hypothesis would print the bytes."""
    path = tmp_path_factory.mktemp("lane") / "template.sqlite"
    path.write_bytes(sqlite_template)
    return path


@asynccontextmanager
async def rigged(template: Path) -> AsyncIterator[LaneRig]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lane.sqlite"
        path.write_bytes(template.read_bytes())
        rig = LaneRig(path)
        await rig.database.start()
        await rig.build()
        try:
            yield rig
        finally:
            await rig.close()


class Script:
    """Plays actions, and checks after each that nothing happened that must never happen."""

    def __init__(self, rig: LaneRig, chance: random.Random) -> None:
        self.rig = rig
        self.printer = rig.printer
        self.chance = chance
        self.canceled: dict[UUID, int] = {}
        self.tasks: set[asyncio.Task[bool]] = set()

    async def play(self, action: str) -> None:
        play: dict[str, Callable[[], Awaitable[object] | None]] = {
            "add": lambda: attempt(self.rig.add(self.chance.choice(["a.gcode", "b.gcode"]))),
            "print": lambda: attempt(self.rig.lane.print(self._any())) if self.rig.added else None,
            "open uploads": self.printer.uploads.set,
            "close uploads": self.printer.uploads.clear,
            "answer": self.printer.answers.set,
            "wait": lambda: asyncio.sleep(0.01),
            "cancel": self._cancel,
            "withdraw": lambda: attempt(self.rig.withdraw(self._any())) if self.rig.added else None,
            "settle": self._settle,
            "progress": self._progress,
            "finish": lambda: self.printer.end(completed=True),
            "stop at the printer": lambda: self.printer.end(completed=False),
            "hand start": lambda: self.printer.begin(None, "by-hand") if self.printer.status == "idle" else None,
            "error": lambda: self._fail("error"),
            "lost printer": lambda: self._fail("offline"),
            "recover": self._recover,
            "unreachable": lambda: setattr(self.printer, "reachable", False),
            "reachable": lambda: setattr(self.printer, "reachable", True),
            "pause": lambda: attempt(self.rig.lane.pause()),
            "resume": lambda: attempt(self.rig.lane.resume()),
            "crash": self.rig.crash,
            "database away": lambda: setattr(self.rig.database, "away", True),
            "database back": lambda: setattr(self.rig.database, "away", False),
            "mode": lambda: setattr(self.printer, "mode", self.chance.choice(START_MODES)),
        }
        done = play[action]()
        if done is not None:
            await done
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)
        await asyncio.sleep(self.chance.choice([0, 0.002, 0.004]))
        self.check()

    def _any(self) -> JobRecord:
        return self.chance.choice(self.rig.added)

    async def _cancel(self) -> None:
        job, starts, cancels = self.rig.lane.job, len(self.printer.starts), self.printer.cancels

        async def cancel() -> bool:
            taken = await attempt(self.rig.lane.cancel())
            if taken and job is not None and self.printer.cancels == cancels and len(self.printer.starts) == starts:
                self.canceled[job.id] = starts
            return taken

        # a cancel waits for the start command's answer, which only a later action gives
        task = asyncio.ensure_future(cancel())
        self.tasks.add(task)
        await asyncio.wait({task}, timeout=0.005)

    async def _settle(self) -> None:
        if self.rig.added:
            job, status = self._any(), self.chance.choice(["canceled", "failed"])
            await attempt(self.rig.settle(job, status))

    def _progress(self) -> None:
        if self.printer.printing is not None:
            self.printer.completion = min((self.printer.completion or 0) + 20, 99)

    def _fail(self, status: str) -> None:
        self.printer.end(completed=False)
        self.printer.status = status  # type: ignore[assignment]
        self.printer.file, self.printer.completion = None, None

    def _recover(self) -> None:
        if self.printer.status in {"error", "offline"}:
            self.printer.status = "idle"

    def check(self) -> None:
        rows = {UUID(row["id"]): row for row in self.rig.rows()}
        starts = self.printer.starts
        assert not self.printer.orphans, "a start command for a job that the lane had given up"
        for start in starts:
            assert start.row["status"] == "printing", "a start command for a job that isn't printing"
            assert start.row["printer_status"] == "starting", "a start command that nobody noted"
        left = [start.job for start in starts if not start.refused]
        assert len(left) == len(set(left)), "a job was started twice"
        for job_id in left:
            assert rows[job_id]["status"] != "queued", "a started job is back in the queue"
        claims = [(start.job, start.row["started_at"]) for start in starts]
        assert len(claims) == len(set(claims)), "one claim, two start commands"
        for job_id, count in self.canceled.items():
            assert all(start.job != job_id for start in starts[count:]), "started after it was canceled"
        completed = {each.job for each in self.printer.prints if each.result == "completed"}
        for job_id, row in rows.items():
            assert row["status"] != "completed" or job_id in completed, "completed, and the printer never said so"
        assert sum(row["status"] == "printing" for row in rows.values()) <= 1
        if self.printer.printing is not None and self.printer.printing.job in rows:
            row = rows[self.printer.printing.job]
            assert row["status"] != "completed", "completed in mid-print"

    async def end(self) -> None:
        """With everything well again, no job may be left in between."""
        self.rig.database.away = False
        self.printer.reachable = True
        self.printer.uploads.set()
        self.printer.answers.set()
        if self.tasks:
            await asyncio.wait(self.tasks)
        self.printer.mode = "taken"
        self._recover()
        self.printer.end(completed=True)
        try:
            await eventually(self._all_told, 5, 0.005)
        finally:
            self.check()

    def _all_told(self) -> bool:
        if self.printer.printing is not None:  # a start that was on its way
            self.printer.end(completed=True)
        rows = [row for row in self.rig.rows() if row["status"] == "printing"]
        held = self.rig.lane.is_held
        return all(row["outcome_unknown"] and held for row in rows) and (bool(rows) or self.rig.lane.job is None)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(actions=st.lists(st.sampled_from(ACTIONS), min_size=5, max_size=25), seed=st.integers(0, 2**16))
def test_no_sequence_prints_twice_or_forgets(template: Path, actions: list[str], seed: int) -> None:
    async def run() -> None:
        async with rigged(template) as rig:
            script = Script(rig, random.Random(seed))
            for action in ["add", script.chance.choice(["open uploads", "close uploads"]), "print", *actions]:
                await script.play(action)
            await script.end()

    asyncio.run(run())


@pytest.fixture
async def rig(template: Path, anyio_backend: str) -> AsyncIterator[LaneRig]:
    async with rigged(template) as rig:
        yield rig


async def test_an_earlier_prints_end_isnt_this_ones(rig: LaneRig) -> None:
    """The printer shows the file at 100 % from before, and its command is slow to show."""
    rig.printer.uploads.set()
    first, second = await rig.add(), await rig.add()
    await rig.lane.print(first)
    await eventually(lambda: rig.printer.printing)
    await eventually(lambda: rig.row(first.id)["printer_status"] == "printing")
    rig.printer.end(completed=True)
    await eventually(lambda: rig.row(first.id)["status"] == "completed")
    rig.printer.mode = "unknown-lost"
    await rig.lane.print(second)
    await eventually(lambda: rig.row(second.id)["outcome_unknown"])
    await rig.crash()
    await asyncio.sleep(0.05)
    assert rig.row(second.id)["status"] == "printing"
    assert rig.lane.is_held


async def test_a_print_too_short_to_be_seen_is_completed(rig: LaneRig) -> None:
    rig.printer.uploads.set()
    rig.printer.mode = "stall-taken"
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.printer.printing)
    rig.printer.end(completed=True)
    rig.printer.answers.set()
    await eventually(lambda: rig.row(job.id)["status"] == "completed")
    assert rig.ended == [job.id]


async def test_a_cancel_during_the_upload_means_no_start(rig: LaneRig) -> None:
    job = await rig.add()
    await rig.lane.print(job)
    await rig.lane.cancel()
    rig.printer.uploads.set()
    await eventually(lambda: rig.row(job.id)["status"] == "canceled")
    assert rig.printer.starts == []
    await eventually(lambda: rig.lane.job is None)


async def test_a_crash_doesnt_forget_a_cancel(rig: LaneRig) -> None:
    job = await rig.add()
    await rig.lane.print(job)
    await rig.lane.cancel()
    await rig.crash()
    assert rig.row(job.id)["status"] == "canceled"
    assert not await attempt(rig.lane.print(job))


async def test_a_cancel_while_the_start_is_noted_means_no_start(rig: LaneRig, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await rig.add()
    note = rig.jobs.note_start

    async def canceled_meanwhile(claimed: JobRecord, file: str) -> bool:
        noted = await note(claimed, file)
        await rig.lane.cancel()
        return noted

    monkeypatch.setattr(rig.jobs, "note_start", canceled_meanwhile)
    rig.printer.uploads.set()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["status"] == "canceled")
    assert rig.printer.starts == []


async def test_a_job_settled_while_the_start_is_noted_isnt_started(
    rig: LaneRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await rig.add()
    note = rig.jobs.note_start

    async def settled_meanwhile(claimed: JobRecord, file: str) -> bool:
        noted = await note(claimed, file)
        await rig.settle(job, "failed")
        return noted

    monkeypatch.setattr(rig.jobs, "note_start", settled_meanwhile)
    rig.printer.uploads.set()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["status"] == "failed")
    await asyncio.sleep(0.05)
    assert rig.printer.starts == []
    assert rig.printer.orphans == []


async def test_a_cancel_during_the_start_command_waits_for_its_answer(rig: LaneRig) -> None:
    rig.printer.uploads.set()
    rig.printer.mode = "stall-taken"
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.printer.starts)
    cancel = asyncio.ensure_future(rig.lane.cancel())
    await asyncio.sleep(0.02)
    assert not cancel.done()
    rig.printer.answers.set()
    await cancel
    assert rig.printer.cancels == 1
    await eventually(lambda: rig.row(job.id)["status"] == "canceled")


async def test_another_claim_of_the_job_fences_this_one(rig: LaneRig) -> None:
    """As when another process gave the job back and claimed it anew while this one uploaded."""
    job = await rig.add()
    await rig.lane.print(job)
    await rig.jobs.release(job.id, "by another process")
    again = await rig.jobs.claim(job.id, rig.lane.name)
    assert again is not None
    rig.printer.uploads.set()
    await eventually(lambda: rig.lane.job is None)
    assert rig.printer.starts == []
    assert rig.row(job.id)["status"] == "printing"  # the other's


async def test_a_print_stopped_at_the_printer_is_canceled(rig: LaneRig) -> None:
    rig.printer.uploads.set()
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["printer_status"] == "printing")
    rig.printer.end(completed=False)
    await eventually(lambda: rig.row(job.id)["status"] == "canceled")
    assert "at the printer" in rig.row(job.id)["error_message"]


@pytest.mark.parametrize("file", ["stored-a.gcode", "by-hand.gcode"])
async def test_an_answer_that_comes_late_ends_nothing(rig: LaneRig, file: str) -> None:
    rig.printer.uploads.set()
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["printer_status"] == "printing")
    rig.printer.overtaken.append(PrinterState(status="idle", text="idle", file=file, completion=3.0))
    await eventually(lambda: not rig.printer.overtaken)
    rig.printer.status = "paused"
    await eventually(lambda: rig.row(job.id)["printer_status"] == "paused")
    assert (rig.row(job.id)["status"], rig.row(job.id)["outcome_unknown"]) == ("printing", 0)


async def test_offline_is_not_failed(rig: LaneRig) -> None:
    rig.printer.uploads.set()
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["printer_status"] == "printing")
    rig.printer.reachable = False
    await eventually(lambda: rig.lane.supervisor.state.status == "offline")
    await asyncio.sleep(0.05)
    assert rig.row(job.id)["status"] == "printing"
    rig.printer.reachable = True
    rig.printer.end(completed=True)
    await eventually(lambda: rig.row(job.id)["status"] == "completed")


async def test_another_file_on_the_printer_makes_the_job_unknown(rig: LaneRig) -> None:
    rig.printer.uploads.set()
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["printer_status"] == "printing")
    rig.printer.reachable = False
    rig.printer.end(completed=True)
    rig.printer.begin(None, "by-hand")
    rig.printer.reachable = True
    await eventually(lambda: rig.row(job.id)["outcome_unknown"])
    rig.printer.end(completed=True)
    await asyncio.sleep(0.05)
    assert rig.row(job.id)["status"] == "printing"


async def test_a_start_that_is_never_seen_is_held(rig: LaneRig) -> None:
    rig.printer.uploads.set()
    rig.printer.mode = "bug"
    job, other = await rig.add(), await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["outcome_unknown"])
    assert not await attempt(rig.lane.print(other))
    await rig.withdraw(job)
    rig.printer.mode = "taken"
    await rig.lane.print(other)
    await eventually(lambda: rig.printer.printing)


async def test_a_claim_whose_answer_was_lost_is_given_back(rig: LaneRig) -> None:
    """The database took the claim and went away before it said so."""
    job = await rig.add()
    claimed = await rig.jobs.claim(job.id, rig.lane.name)
    assert claimed is not None
    rig.database.away = True
    assert not await attempt(rig.lane.print(job))
    rig.database.away = False
    await eventually(lambda: rig.row(job.id)["status"] == "queued")
