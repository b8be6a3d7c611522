"""The bed-clear gate, and starts that a printer takes and doesn't carry out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fluxgate_printing.queue.records import JobRecord

from fluxgate.errors import ConflictError
from plugins.printing.tests.queue.lane_rig import PRINTER, LaneRig
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def rig(sqlite_template: bytes, tmp_path: Path, anyio_backend: str) -> AsyncIterator[LaneRig]:
    path = tmp_path / "lane.sqlite"
    path.write_bytes(sqlite_template)
    rig = LaneRig(path)
    rig.gated = True
    rig.printer.uploads.set()
    await rig.database.start()
    await rig.build()
    yield rig
    await rig.close()


async def print_one(rig: LaneRig) -> JobRecord:
    """A job that is seen printing."""
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["printer_status"] == "printing")
    return job


async def refused(rig: LaneRig, job: JobRecord) -> str:
    with pytest.raises(ConflictError) as caught:
        await rig.lane.print(job)
    return caught.value.problem_code


async def bed_is(rig: LaneRig, reason: str) -> None:
    async def so() -> bool:
        return (await rig.floor.get(PRINTER)).bed == reason

    await eventually(so)


@pytest.mark.parametrize("end", ["completed", "canceled", "failed"])
async def test_whatever_ends_a_print_blocks_the_bed_until_somebody_clears_it(rig: LaneRig, end: str) -> None:
    first = await print_one(rig)
    if end == "completed":
        rig.printer.end(completed=True)
    elif end == "canceled":
        await rig.lane.cancel()
    else:
        rig.printer.end(completed=False, status="error")
    await eventually(lambda: rig.row(first.id)["status"] == end)
    rig.printer.status = "idle"
    second = await rig.add()
    await eventually(lambda: rig.lane.job is None)
    assert await refused(rig, second) == "BED_NOT_CLEAR"
    await rig.crash()  # a restart doesn't lift it
    assert await refused(rig, second) == "BED_NOT_CLEAR"
    bed = await rig.floor.get(PRINTER)
    assert (bed.bed, bed.bed_job_id) == (end, first.id)
    cleared = await rig.floor.clear_bed(PRINTER, "otto")
    assert (cleared.bed, cleared.bed_job_id, cleared.cleared_by) == (None, None, "otto")
    await rig.lane.print(second)
    await eventually(lambda: rig.row(second.id)["printer_status"] == "printing")


async def test_a_job_that_a_person_settles_blocks_it_too(rig: LaneRig) -> None:
    first = await print_one(rig)
    await rig.settle(first, "failed")
    assert (await rig.floor.get(PRINTER)).bed == "failed"


async def test_what_never_started_leaves_the_bed_clear(rig: LaneRig) -> None:
    rig.printer.uploads.clear()
    job = await rig.add()
    await rig.lane.print(job)
    await rig.lane.cancel()
    await eventually(lambda: rig.row(job.id)["status"] == "canceled")
    assert (await rig.floor.get(PRINTER)).bed is None


@pytest.mark.parametrize("status", ["idle", "error"])
async def test_a_print_that_nobody_here_started_blocks_it(rig: LaneRig, status: str) -> None:
    rig.printer.begin(None, "by-hand.gcode")
    await eventually(lambda: rig.lane.supervisor.state.status == "printing")
    rig.printer.end(completed=True)
    await bed_is(rig, "unattended")
    assert await refused(rig, await rig.add()) == "BED_NOT_CLEAR"


async def test_a_print_that_nobody_here_started_and_whose_end_nobody_saw_blocks_it(rig: LaneRig) -> None:
    """The gateway is killed after it has seen the print, and comes back when that is over."""
    rig.printer.begin(None, "by-hand.gcode")
    await bed_is(rig, "unattended")
    await rig.lane.aclose()
    rig.printer.end(completed=True)
    await rig.crash()
    assert await refused(rig, await rig.add()) == "BED_NOT_CLEAR"


async def test_a_bed_that_was_called_clear_in_mid_print_isnt_at_its_end(rig: LaneRig) -> None:
    rig.printer.begin(None, "by-hand.gcode")
    await bed_is(rig, "unattended")
    await rig.floor.clear_bed(PRINTER, "otto")
    rig.printer.end(completed=True)
    await bed_is(rig, "unattended")
    assert await refused(rig, await rig.add()) == "BED_NOT_CLEAR"


async def test_without_the_gate_a_bed_is_never_in_the_way(rig: LaneRig) -> None:
    rig.gated = False
    await rig.crash()
    await print_one(rig)
    rig.printer.end(completed=True)
    await eventually(lambda: rig.lane.job is None)
    await print_one(rig)


async def test_used_time_and_filament_are_counted_once_a_print(rig: LaneRig) -> None:
    await rig.floor.load(PRINTER, "PLA", "red", 100.0)
    for used in (30.0, 90.0):
        await rig.floor.clear_bed(PRINTER, "otto")
        job = await print_one(rig)
        await rig.jobs.finish(job.id, "completed", actual_time=50, material_used=used)
        rig.printer.end(completed=True)
        rig.lane.let_go(job.id)
    record = await rig.floor.get(PRINTER)
    assert (record.used_seconds, record.material_grams, record.material_type) == (100, 0.0, "PLA")


async def test_a_job_on_hold_is_started_by_nobody(rig: LaneRig) -> None:
    job = await rig.add()
    await rig.jobs.hold(job.id, "wrong colour")
    assert await refused(rig, job) == "JOB_ON_HOLD"
    await rig.jobs.unhold(job.id)
    await rig.lane.print(job)


async def test_a_start_that_nothing_comes_of_is_tried_three_times_then_held(rig: LaneRig) -> None:
    rig.confirm_timeouts = (0.05, 0.05, 0.05)
    await rig.crash()
    rig.printer.mode = "ignored"
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: rig.row(job.id)["on_hold"])
    row = rig.row(job.id)
    assert len(rig.printer.starts) == 3
    assert (row["status"], row["printer_name"]) == ("queued", None)
    assert row["hold_reason"] == row["state_detail"]
    assert "3 times" in row["hold_reason"]
    assert rig.freed[-1] == row["hold_reason"]
    assert (await rig.floor.get(PRINTER)).bed is None


async def test_a_second_try_may_succeed(rig: LaneRig) -> None:
    rig.confirm_timeouts = (0.05, 5.0)
    await rig.crash()
    rig.printer.mode = "ignored"
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: len(rig.printer.starts) == 1)
    rig.printer.mode = "taken"
    await eventually(lambda: rig.row(job.id)["printer_status"] == "printing")
    assert [len(rig.printer.starts), len(rig.printer.prints)] == [2, 1]


async def test_a_printer_that_went_silent_is_not_told_again(rig: LaneRig) -> None:
    rig.confirm_timeouts = (0.2, 5.0)
    await rig.crash()
    rig.printer.mode = "ignored"
    job = await rig.add()
    await rig.lane.print(job)
    await eventually(lambda: len(rig.printer.starts) == 1)
    rig.printer.reachable = False
    await eventually(lambda: rig.row(job.id)["outcome_unknown"])
    assert len(rig.printer.starts) == 1
