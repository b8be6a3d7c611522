"""kill -9 at every step of a dispatch, on every driver, and a start on what is left: no job is lost, none is printed
twice, what can't be told waits for a person, and nothing prints onto an uncleared bed.

What a killed process leaves is what it had written and what its printer had been told. So a kill before a step leaves
what one after the step before does, and `before` each, `within` each command and `after` the last are all there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from plugins.printing.tests.e2e.crash_rig import (
    LONG,
    MARKS,
    SHORT,
    Crashing,
    Klipper,
    Octo,
    Printer,
    Prusa,
    Virtual,
    gcode,
    make_template,
)
from tests.support.octoprint import OctoPrintServer
from tests.support.printing_gateway import wait_for

QUEUED, CLAIMED, NOTED, STARTED, ENDED = "queued", "claimed", "noted", "started", "ended"

STEPS = {
    "ensure": QUEUED,
    "look (print)": QUEUED,
    "claim": QUEUED,
    "upload": CLAIMED,
    "look (bring)": CLAIMED,
    "note_start": CLAIMED,
    "start": NOTED,
    "look (_watch_start)": STARTED,
    "update_progress": STARTED,
    "look (_look)": ENDED,
    "finish": ENDED,
}
"""The steps of a dispatch that nothing disturbs, and how far the job is before each. `test_the_steps` sees to it that
there are no others: a step that is new gets its place here, and is killed at."""
BY_HAND = "by-hand.gcode"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crashes") / "template"
    make_template(folder)
    return folder


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def over(*drivers: str, at: Sequence[str]) -> pytest.MarkDecorator:
    """A test with each of these drivers, all by default, and each of these ends."""
    cases = [
        pytest.param(driver, moment, marks=MARKS[driver])
        for driver in drivers or MARKS
        for moment in at
        if driver != "virtual" or not moment.startswith("within")  # what it is told doesn't leave the process
        if driver == "virtual" or "look" not in moment  # a look leaves nothing anywhere
    ]
    return pytest.mark.parametrize(("printer", "at"), cases, indirect=["printer"])


def before(left: str) -> list[str]:
    """Before each step that finds the job so."""
    return [f"before:{step}" for step, found in STEPS.items() if found == left]


@pytest.fixture(params=[pytest.param(driver, marks=marks) for driver, marks in MARKS.items()])
def printer(request: pytest.FixtureRequest, journal: Path) -> Printer:
    if request.param == "octoprint":
        return Octo(request.getfixturevalue("octoprint"))
    if request.param == "moonraker":
        return Klipper(request.getfixturevalue("moonraker"))
    if request.param == "prusalink":
        return Prusa(request.getfixturevalue("prusalink"))
    return Virtual(journal)


@pytest.fixture
def short(template: Path, printer: Printer, journal: Path) -> Iterator[Crashing]:
    """A print of 2 s, and another behind it."""
    yield from crashing(template, printer, SHORT, journal)


@pytest.fixture
def long(template: Path, printer: Printer, journal: Path) -> Iterator[Crashing]:
    """A print that lasts, and a short one behind it."""
    yield from crashing(template, printer, LONG, journal)


def crashing(template: Path, printer: Printer, file: str, journal: Path) -> Iterator[Crashing]:
    gateway = Crashing(template, printer, file, journal)
    try:
        yield gateway
        if gateway.process is not None:
            gateway.stop()
    finally:
        gateway.discard()


def test_the_steps(short: Crashing) -> None:
    short.start()
    short.wait_job("completed")
    assert list(dict.fromkeys(step for step, _ in short.steps)) == list(STEPS)
    short.check(begun=1)


@over("virtual", at=before(QUEUED))
def test_killed_before_the_claim_the_job_is_printed_once(short: Crashing, at: str) -> None:
    short.die(at)
    short.start()
    short.wait_job("completed")
    short.check(begun=1)


@over(at=[*before(CLAIMED), "within:upload"])
def test_killed_before_the_start_was_noted_the_job_is_printed_once(short: Crashing, at: str) -> None:
    short.die(at)
    assert short.job_of(SHORT)["status"] == "printing"
    short.start()
    short.wait_job("completed")
    short.check(begun=1)


@over(at=before(NOTED))
def test_killed_before_the_start_command_left_the_job_waits_for_a_person(short: Crashing, at: str) -> None:
    short.die(at)
    short.start()
    row = short.wait_job("printing", unknown=True)
    assert row["state_detail"]
    short.wait_printer("idle")
    assert short.next_reason() == "outcome_unknown"
    short.settle()
    short.check(begun=0)


@over(at=["within:start", *before(STARTED)])
def test_killed_after_the_start_command_left_the_print_is_followed_on(long: Crashing, at: str) -> None:
    long.die(at)
    long.start()
    if long.printer.outlives:
        long.wait_printer("printing")
        long.wait_job("printing")
        assert long.printer.begun(LONG) == 1
        long.cancel()
    else:
        long.wait_job("printing", unknown=True)
        assert long.next_reason() == "outcome_unknown"
        long.settle()
    long.check(begun=1)


@over(at=before(ENDED))
def test_a_print_that_ended_unrecorded_is_completed_or_waits_for_a_person(short: Crashing, at: str) -> None:
    short.die(at)
    wait_for(short.printer.is_over)
    short.start()
    if short.printer.remembers_end:
        short.wait_job("completed")
    else:
        short.wait_job("printing", unknown=True)
        assert short.next_reason() == "outcome_unknown"
        short.settle()
    short.check(begun=1)


@over("virtual", "octoprint", at=["after:finish"])
def test_killed_after_the_end_was_recorded_the_bed_is_blocked(short: Crashing, at: str) -> None:
    short.die(at)
    short.start()
    assert short.job_of(SHORT)["status"] == "completed"
    short.check(begun=1)


# -- killed again while it takes up what was left


@over("virtual", at=["before:release"])
def test_killed_while_a_job_is_put_back_it_is_printed_once(short: Crashing, at: str) -> None:
    short.die("before:note_start")
    short.die(at)
    short.start()
    short.wait_job("completed")
    short.check(begun=1)


@over("virtual", at=["before:mark_unknown", "after:mark_unknown"])
def test_killed_while_a_job_is_held_it_is_held(short: Crashing, at: str) -> None:
    short.die("before:start")
    short.die(at)
    short.start()
    short.wait_job("printing", unknown=True)
    short.wait_printer("idle")
    short.settle()
    short.check(begun=0)


@over("octoprint", at=["before:adopt"])
def test_killed_while_a_print_is_taken_up_it_is_followed_on(long: Crashing, at: str) -> None:
    long.die("before:update_progress")
    long.die(at)
    assert long.job_of(LONG)["outcome_unknown"]
    long.start()
    long.wait_job("printing")
    long.cancel()
    long.check(begun=1)


# -- killed while a print is canceled


@over("octoprint", "virtual", at=["before:cancel", "after:cancel"])
def test_killed_while_a_print_is_canceled(long: Crashing, at: str) -> None:
    with long.deadly(at):
        long.start()
        wait_for(lambda: long.job_of(LONG)["printer_status"] == "printing", 30)
        with pytest.raises(httpx.TransportError):
            long.post(f"/printers/{long.printer.name}/job/cancel")
        long.wait_dead(at)
    if at == "before:cancel" and long.printer.outlives:
        assert not long.printer.is_over()
        long.start()
        long.wait_job("printing")
        long.cancel()
    else:
        wait_for(long.printer.is_over)
        long.start()
        long.wait_job("printing", unknown=True)
        long.settle()
    long.check(begun=1)


# -- what happens at the printer while no gateway runs


@over("octoprint", at=["before:finish"])
def test_another_file_printed_by_hand_meanwhile_is_not_the_job(
    short: Crashing, octoprint: OctoPrintServer, at: str
) -> None:
    short.die(at)
    wait_for(short.printer.is_over)
    by_hand(octoprint, seconds=600)
    short.start()
    short.wait_job("printing", unknown=True)
    octoprint.request("POST", "/api/job", {"command": "cancel"}).raise_for_status()
    short.wait_printer("idle")
    assert short.next_reason() == "outcome_unknown"
    short.settle()
    short.check(begun=1)


@over("octoprint", at=["before:claim"])
def test_a_print_by_hand_under_way_keeps_the_queue_waiting(
    short: Crashing, octoprint: OctoPrintServer, at: str
) -> None:
    short.die(at)
    by_hand(octoprint, seconds=600)
    short.start()
    wait_for(lambda: not short.bed["clear"])
    short.kill()
    octoprint.request("POST", "/api/job", {"command": "cancel"}).raise_for_status()
    wait_for(short.printer.is_over)
    short.start()
    short.wait_printer("idle")
    assert (short.bed["clear"], short.bed["reason"]) == (False, "unattended")
    assert short.next_reason() == "bed_not_clear"
    short.clear_bed()
    short.wait_job("completed")
    short.check(begun=1)


def by_hand(octoprint: OctoPrintServer, seconds: float) -> None:
    """Somebody prints another file at the printer."""
    octoprint.upload(BY_HAND, gcode(BY_HAND, seconds))
    octoprint.request("POST", f"/api/files/local/{BY_HAND}", {"command": "select", "print": True}).raise_for_status()
    wait_for(lambda: octoprint.request("GET", "/api/job").json()["state"] == "Printing")
