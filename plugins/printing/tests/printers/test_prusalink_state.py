"""What PrusaLink's states mean, held against what was seen before."""

from __future__ import annotations

import msgspec
import pytest
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.prusalink import printable_name
from fluxgate_printing.printers.prusalink_state import LINGER, JobBody, Print, StatusBody, follow, state_of


class Watcher:
    """A print as the driver follows it, a second a look."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.last: Print | None = None
        self.watched = False

    def sees(
        self, state: str, progress: float | None = None, job: int = 1, path: str = "/PrusaLink gcodes/a.gcode"
    ) -> PrinterState:
        self.now += 1
        status = msgspec.convert({"printer": {"state": state}}, StatusBody)
        body = None
        if progress is not None:
            file = {"name": path.rpartition("/")[2], "path": path}
            body = msgspec.convert({"id": job, "state": state, "file": file, "progress": progress}, JobBody)
        self.last = follow(self.last, status, body, self.now, watched=self.watched)
        self.watched = True
        return state_of(self.last, status, body, self.now)


def test_a_gateway_that_starts_in_mid_print_believes_the_progress() -> None:
    assert Watcher().sees("PRINTING", 40).completion == 40


def test_a_button_that_nobody_presses_doesnt_hold_the_printer() -> None:
    for first, completion in ((["PRINTING"], 100), ([], None)):
        watcher = Watcher()
        for state in first:
            watcher.sees(state, 50)
        assert watcher.sees("FINISHED").status == "finishing"
        watcher.now += LINGER
        state = watcher.sees("FINISHED")
        assert (state.status, state.completion) == ("idle", completion)
        watcher.now += 3600
        assert watcher.sees("FINISHED").status == "idle"


def test_stopped_is_no_completion() -> None:
    watcher = Watcher()
    watcher.sees("PRINTING", 99)
    state = watcher.sees("STOPPED")
    assert (state.status, state.file, state.completion) == ("cancelling", "a.gcode", None)
    state = watcher.sees("IDLE")
    assert (state.status, state.file, state.completion) == ("idle", "a.gcode", None)


def test_a_second_print_doesnt_inherit_the_first_ones_end() -> None:
    watcher = Watcher()
    watcher.sees("PRINTING", 99)
    watcher.sees("FINISHED")
    watcher.sees("IDLE")
    assert watcher.sees("PRINTING", 100, job=2).completion is None
    assert watcher.sees("PAUSED", 100, job=2).completion is None
    assert watcher.sees("PRINTING", 0, job=2).completion == 0
    assert watcher.sees("PRINTING", 100, job=2).completion == 100


@pytest.mark.parametrize("lost", ["ERROR", "IDLE", "BUSY"])
def test_an_end_that_wasnt_seen_is_forgotten(lost: str) -> None:
    watcher = Watcher()
    watcher.sees("PRINTING", 99)
    watcher.sees(lost)
    state = watcher.sees("IDLE")
    assert (state.status, state.file, state.completion) == ("idle", None, None)


def test_an_end_that_was_seen_is_kept_while_the_printer_is_busy() -> None:
    watcher = Watcher()
    watcher.sees("PRINTING", 99)
    watcher.sees("FINISHED")
    assert watcher.sees("ATTENTION").status == "finishing"
    watcher.now += LINGER
    state = watcher.sees("BUSY")
    assert (state.status, state.completion) == ("connecting", None)
    state = watcher.sees("READY")
    assert (state.status, state.completion) == ("idle", 100)


@pytest.mark.parametrize(
    ("state", "alone", "in_print"),
    [
        ("ATTENTION", "error", "paused"),
        ("BUSY", "connecting", "printing"),
        ("SELFTEST", "connecting", "connecting"),
    ],
)
def test_states_that_take_no_print(state: str, alone: str, in_print: str) -> None:
    assert Watcher().sees(state).status == alone
    assert Watcher().sees(state, 5).status == in_print


def test_a_print_from_the_printers_own_card_is_another_file() -> None:
    assert Watcher().sees("PRINTING", 5, path="/SD Card/a.gcode").file == "SD Card/a.gcode"
    assert Watcher().sees("PRINTING", 5, path="/PrusaLink gcodes/sub/a.gcode").file == "sub/a.gcode"


def test_names_that_it_takes_stay() -> None:
    for name in ("part.gcode", "Würfel №1, (v2).gcode", "火.gco", "a" * 234 + ".gcode"):
        assert printable_name(name) == name


def test_names_that_it_wouldnt_take_become_others() -> None:
    names = ["100%.gcode", "100#.gcode", ".100.gcode", "…" * 83 + ".gcode", "?.g", "..gcode", '"°".GCO']
    stored = [printable_name(name) for name in names]
    assert len(set(stored)) == len(names)
    for name, new in zip(names, stored, strict=True):
        assert printable_name(new) == new
        assert new.rpartition(".")[2] == name.rpartition(".")[2]
