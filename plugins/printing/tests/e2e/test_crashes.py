"""kill -9 at every step of a dispatch, on every driver, and a start on what is left: no job is lost, none is printed
twice, what can't be told waits for a person, and nothing prints onto an uncleared bed.

What a killed process leaves is what it had written and what its printer had been told. So a kill before a step leaves
what one after the step before does, and `before` each, `within` each command and `after` the last are all there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

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
    make_template,
)
from tests.support.printing_gateway import wait_for

STEPS = (
    "ensure",
    "look (print)",
    "claim",
    "upload",
    "look (bring)",
    "note_start",
    "start",
    "look (_watch_start)",
    "update_progress",
    "finish",
)
"""Of a dispatch that nothing disturbs; `test_the_steps` sees to it that there are no others."""


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
    ]
    return pytest.mark.parametrize(("printer", "at"), cases, indirect=["printer"])


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
    assert tuple(dict.fromkeys(step for step, _ in short.steps)) == STEPS
    short.check(begun=1)


@over(at=["before:claim", "before:upload", "within:upload", "before:note_start"])
def test_killed_before_the_start_command_the_job_is_printed_once(short: Crashing, at: str) -> None:
    short.die(at)
    short.start()
    short.wait_job("completed")
    short.check(begun=1)


def test_killed_before_the_start_command_was_sent_the_job_waits_for_a_person(short: Crashing) -> None:
    short.die("before:start")
    short.start()
    row = short.wait_job("printing", unknown=True)
    assert row["state_detail"]
    short.wait_printer("idle")
    assert short.next_reason() == "outcome_unknown"
    short.settle()
    short.check(begun=0)


@over(at=["within:start", "before:update_progress"])
def test_killed_after_the_start_command_the_print_is_followed_on(long: Crashing, at: str) -> None:
    long.die(at)
    long.start()
    if long.printer.outlives:
        long.wait_printer("printing")
        long.wait_job("printing")
        assert long.printer.begun(LONG) == 1
        long.post(f"/printers/{long.printer.name}/job/cancel")
        long.wait_job("canceled")
    else:
        long.wait_job("printing", unknown=True)
        assert long.next_reason() == "outcome_unknown"
        long.settle()
    long.check(begun=1)


def test_a_print_that_ended_unrecorded_is_completed_or_waits_for_a_person(short: Crashing) -> None:
    short.die("before:finish")
    wait_for(short.printer.is_over)
    short.start()
    if short.printer.remembers_end:
        short.wait_job("completed")
    else:
        short.wait_job("printing", unknown=True)
        assert short.next_reason() == "outcome_unknown"
        short.settle()
    short.check(begun=1)


def test_killed_after_the_end_was_recorded_the_bed_is_blocked(short: Crashing) -> None:
    short.die("after:finish")
    short.start()
    assert short.job_of(SHORT)["status"] == "completed"
    short.check(begun=1)
