"""An accepted job reaches the database exactly once, whatever dies or fails on the way."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fluxgate_printing import journal as journal_module
from fluxgate_printing.journal import AcceptedJob, Journal
from fluxgate_printing.recorder import AcceptedJobs

from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


def job(number: int = 1) -> AcceptedJob:
    return AcceptedJob(
        entry_id=uuid4(),
        queue_id=number,
        file_name=f"Käse {number}.gcode",
        project_id="clx123",
        print_settings={"infill": 0},
        metadata={},
        accepted_at=datetime.now(UTC),
        source="queue",
    )


class Table:
    """A database that can be told to fail or to hang."""

    def __init__(self) -> None:
        self.rows: dict[UUID, AcceptedJob] = {}
        self.writes = 0
        self.refuse: Callable[[AcceptedJob], bool] = lambda _job: False
        self.hang = False

    async def write(self, job: AcceptedJob) -> None:
        self.writes += 1
        if self.hang:
            await asyncio.sleep(60)
        if self.refuse(job):
            raise ConnectionError("the database is away")
        self.rows[job.entry_id] = job


@pytest.fixture
def table() -> Table:
    return Table()


def recorder(directory: Path, table: Table) -> AcceptedJobs:
    return AcceptedJobs(directory, table.write, write_timeout=0.2, first_pause=0.01, longest_pause=0.05)


def journals(directory: Path) -> list[Path]:
    return sorted(directory.glob("*"))


async def test_a_recorded_job_is_in_the_database_and_the_journal_is_empty(tmp_path: Path, table: Table) -> None:
    one = job()
    async with recorder(tmp_path, table) as accepted:
        await accepted.record(one)
        assert table.rows == {one.entry_id: one}
        assert accepted.pending == 0
        assert [path.stat().st_size for path in journals(tmp_path)] == [0]
        assert (await accepted.check()).status == "up"
    assert journals(tmp_path) == []


async def test_a_failing_database_is_tried_until_it_takes_the_job(tmp_path: Path, table: Table) -> None:
    table.refuse = lambda _job: True
    async with recorder(tmp_path, table) as accepted:
        one = job()
        await accepted.record(one)
        assert accepted.pending == 1
        health = await accepted.check()
        assert (health.status, health.detail) == ("degraded", "1 accepted jobs aren't in the database yet")
        await eventually(lambda: table.writes > 3)
        table.refuse = lambda _job: False
        await eventually(lambda: accepted.pending == 0)
        assert table.rows == {one.entry_id: one}


async def test_a_job_that_never_fits_doesnt_hold_up_the_others(tmp_path: Path, table: Table) -> None:
    poison, good = job(1), job(2)
    table.refuse = lambda _job: True
    async with recorder(tmp_path, table) as accepted:
        await accepted.record(poison)
        await accepted.record(good)
        table.refuse = lambda job: job.entry_id == poison.entry_id
        await eventually(lambda: good.entry_id in table.rows)
        assert accepted.pending == 1


async def test_a_database_that_hangs_doesnt_hold_the_client(tmp_path: Path, table: Table) -> None:
    table.hang = True
    async with recorder(tmp_path, table) as accepted:
        async with asyncio.timeout(2):
            await accepted.record(job())
        assert accepted.pending == 1
        table.hang = False
        await eventually(lambda: accepted.pending == 0)


async def test_a_cancelled_client_doesnt_cancel_the_record(tmp_path: Path, table: Table) -> None:
    async with recorder(tmp_path, table) as accepted:
        one = job()
        task = asyncio.create_task(accepted.record(one))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: one.entry_id in table.rows)


async def test_pending_jobs_outlive_a_stop(tmp_path: Path, table: Table) -> None:
    table.refuse = lambda _job: True
    jobs = [job(number) for number in range(5)]
    async with recorder(tmp_path, table) as accepted:
        for one in jobs:
            await accepted.record(one)
    assert len(journals(tmp_path)) == 1
    table.refuse = lambda _job: False
    async with recorder(tmp_path, table) as accepted:
        await eventually(lambda: accepted.pending == 0)
        assert list(table.rows.values()) == jobs
    assert journals(tmp_path) == []


async def test_without_a_journal_the_database_still_gets_it(tmp_path: Path, table: Table) -> None:
    """The journal's folder goes while we run: what a full or failing disk looks like from here."""
    table.refuse = lambda _job: True
    accepted = recorder(tmp_path / "journal", table)
    await accepted.start()
    accepted._journal.close()
    (tmp_path / "journal").rmdir()
    await accepted.record(job())
    assert accepted.pending == 1
    table.refuse = lambda _job: False
    await eventually(lambda: accepted.pending == 0)
    await accepted.aclose()
    assert len(table.rows) == 1


async def test_an_end_waits_until_what_is_in_the_database_is_crossed_out(
    tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = Journal(tmp_path)
    left.open()
    left.add(job())
    left.close()
    go_on = threading.Event()
    cross_out = Journal.done

    def slowly(self: Journal, entry_id: UUID) -> None:
        go_on.wait(10)
        cross_out(self, entry_id)

    monkeypatch.setattr(Journal, "done", slowly)
    accepted = recorder(tmp_path, table)
    await accepted.start()
    await eventually(lambda: accepted.pending == 0)
    ending = asyncio.ensure_future(accepted.aclose())
    ended, _ = await asyncio.wait({ending}, timeout=0.5)
    go_on.set()
    await ending
    assert not ended
    assert journals(tmp_path) == []


CHILD = """
import asyncio, pathlib, sqlite3, sys
from datetime import UTC, datetime
from uuid import UUID
from fluxgate_printing.journal import AcceptedJob
from fluxgate_printing.recorder import AcceptedJobs

directory, entry_id, die = pathlib.Path(sys.argv[1]), UUID(sys.argv[2]), sys.argv[3]
database = sqlite3.connect(directory / "jobs.sqlite")

async def hang(where):
    print(where, flush=True)
    await asyncio.sleep(60)

async def write(job):
    if die == "before":
        await hang("before")
    with database:
        database.execute("INSERT OR IGNORE INTO jobs VALUES (?, ?)", (str(job.entry_id), job.file_name))
    if die == "after":
        await hang("after")

async def main():
    async with AcceptedJobs(directory / "journal", write, write_timeout=60) as accepted:
        if die != "never":
            await accepted.record(AcceptedJob(
                entry_id=entry_id, queue_id=7, file_name="cube.gcode", project_id=None, print_settings={},
                metadata={}, accepted_at=datetime.now(UTC), source="queue"))
        while accepted.pending:
            await asyncio.sleep(0.01)
    print("done", flush=True)

asyncio.run(main())
"""


def child(directory: Path, entry_id: UUID, die: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(directory), str(entry_id), die], stdout=subprocess.PIPE)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_kill_9_around_the_database_write_gives_exactly_one_row(tmp_path: Path, moment: str) -> None:
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        database.execute("CREATE TABLE jobs (entry_id TEXT PRIMARY KEY, file_name TEXT)")
    database.close()
    entry_id = uuid4()
    with child(tmp_path, entry_id, moment) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline().decode().strip() == moment
        victim.kill()
    with child(tmp_path, entry_id, "never") as heir:
        assert heir.stdout is not None
        assert heir.stdout.readline() == b"done\n"
        assert heir.wait() == 0
    database = sqlite3.connect(tmp_path / "jobs.sqlite")
    assert database.execute("SELECT * FROM jobs").fetchall() == [(str(entry_id), "cube.gcode")]
    database.close()
    assert journals(tmp_path / "journal") == []


def test_a_running_process_keeps_its_journal(tmp_path: Path) -> None:
    alive = Journal(tmp_path)
    assert alive.open() == []
    alive.add(job())
    other = Journal(tmp_path)
    assert other.open() == []
    other.close()
    assert len(journals(tmp_path)) == 1
    alive.close()
    heir = Journal(tmp_path)
    assert [left.queue_id for left in heir.open()] == [1]
    heir.close()


def test_a_torn_last_line_is_skipped(tmp_path: Path) -> None:
    left = Journal(tmp_path)
    left.open()
    left.add(job(1))
    left.add(job(2))
    left.close()
    (path,) = journals(tmp_path)
    whole = path.read_bytes()
    for length in range(whole.index(b"\n") + 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        heir = Journal(tmp_path)
        assert [one.queue_id for one in heir.open()] == [1]
        heir.close()
        (path,) = journals(tmp_path)


def test_a_damaged_line_in_the_middle_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left = Journal(tmp_path)
    left.open()
    for number in (1, 2, 3):
        left.add(job(number))
    left.close()
    (path,) = journals(tmp_path)
    lines = path.read_bytes().split(b"\n")
    lines[1] = b"\x00\x00 nonsense"
    path.write_bytes(b"\n".join(lines))
    heir = Journal(tmp_path)
    assert [one.queue_id for one in heir.open()] == [1, 3]
    assert "can't be read" in caplog.text
    heir.close()
    assert [one.suffix for one in journals(tmp_path)].count(".damaged") == 1


def test_a_long_journal_is_rewritten_with_what_is_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "COMPACT_OVER", 20_000)
    journal = Journal(tmp_path)
    journal.open()
    kept = job(0)
    journal.add(kept)
    for number in range(1, 200):
        one = job(number)
        journal.add(one)
        journal.done(one.entry_id)
    (path,) = journals(tmp_path)
    assert path.stat().st_size < 21_000
    journal.close()
    heir = Journal(tmp_path)
    assert heir.open() == [kept]
    heir.close()
