"""What every driver promises, on every driver: a real OctoPrint with its virtual printer, a real Moonraker with a
stand-in for Klipper, a real PrusaLink with a stand-in for its printer, and our own simulated one. OctoPrint's driver is
tried on the simulated OctoPrints too, so that what is measured with them is what the real one does."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fluxgate_printing.printers.base import Capability, PrinterBusyError, PrinterRejectedError

from plugins.printing.tests.printers.rig import Rig, watching

pytestmark = pytest.mark.anyio

ON = {"tool0": 200, "bed": 60}


async def start(rig: Rig, path: Path, name: str = "part.gcode") -> str:
    stored = await rig.driver.upload(name, path)
    await rig.driver.start(stored)
    return stored


async def printing(rig: Rig) -> str:
    """A long print, under way."""
    stored = await start(rig, rig.long)
    await rig.until(lambda state: state.status == "printing" and bool(state.completion))
    return stored


async def test_an_idle_printer(rig: Rig) -> None:
    state = await rig.driver.read_state()
    assert state.status == "idle"
    assert (state.file, state.completion, state.print_time, state.filament, state.error) == (None,) * 5
    assert abs(state.observed_at - time.time()) < 2


async def test_a_print_goes_from_start_to_completion(rig: Rig) -> None:
    stored = await start(rig, rig.short)
    states = await rig.states_until(lambda state: state.status == "idle" and state.completion == 100)
    last = states.pop()
    assert {"printing"} <= {state.status for state in states} <= {"printing", "finishing"}
    progress = [state.completion or 0.0 for state in states]
    assert progress == sorted(progress)
    assert {state.file for state in states} == {stored}
    assert (last.file, last.completion, last.print_time_left) == (stored, 100, 0)
    assert last.print_time is not None


async def test_a_reprint_never_looks_finished_before_it_is(rig: Rig) -> None:
    stored = await start(rig, rig.gcode(3))
    await rig.until(lambda state: state.status == "idle" and state.completion == 100)
    for _ in range(3):
        await rig.driver.start(stored)
        state = await rig.driver.read_state()
        assert not (state.status == "idle" and state.completion == 100)
        await rig.until(lambda state: state.status == "idle" and state.completion == 100)


async def test_upload_starts_nothing(rig: Rig) -> None:
    await rig.driver.upload("part.gcode", rig.short)
    state = await rig.driver.read_state()
    assert (state.status, state.file) == ("idle", None)


async def test_pause_and_resume_and_their_repeats(rig: Rig) -> None:
    await printing(rig)
    await rig.driver.pause()
    await rig.until_status("paused")
    await rig.driver.pause()
    state = await rig.driver.read_state()
    assert state.status == "paused"
    await rig.driver.resume()
    await rig.until_status("printing")
    await rig.driver.resume()
    assert (await rig.driver.read_state()).status == "printing"


async def test_a_paused_print_stands_still(rig: Rig) -> None:
    await printing(rig)
    await rig.driver.pause()
    before = await rig.until_status("paused")
    await rig.until(lambda state: state.observed_at > before.observed_at + 0.3)
    assert (await rig.driver.read_state()).completion == before.completion


@pytest.mark.parametrize("paused", [False, True])
async def test_cancel(rig: Rig, paused: bool) -> None:
    stored = await printing(rig)
    if paused:
        await rig.driver.pause()
        await rig.until_status("paused")
    await rig.driver.cancel()
    state = await rig.until_status("idle")
    assert (state.file, state.completion) == (stored, None), "a cancelled print must not look like a finished one"
    await rig.driver.start(stored)
    await rig.until_status("printing")


async def test_nothing_to_pause_resume_or_cancel(rig: Rig) -> None:
    for command in (rig.driver.pause, rig.driver.resume, rig.driver.cancel):
        with pytest.raises(PrinterBusyError):
            await command()
    await rig.driver.upload("part.gcode", rig.short)
    with pytest.raises(PrinterBusyError):
        await rig.driver.resume()


@pytest.mark.parametrize("paused", [False, True])
async def test_no_second_start(rig: Rig, paused: bool) -> None:
    stored = await printing(rig)
    other = await rig.driver.upload("other.gcode", rig.short)
    if paused:
        await rig.driver.pause()
        await rig.until_status("paused")
    before = await rig.driver.read_state()
    for name in (stored, other):
        with pytest.raises(PrinterBusyError):
            await rig.driver.start(name)
    state = await rig.driver.read_state()
    assert (state.status, state.file) == (before.status, stored)
    assert (state.completion or 0) >= (before.completion or 0), "it began anew"


async def test_the_file_in_print_is_safe(rig: Rig) -> None:
    stored = await printing(rig)
    with pytest.raises(PrinterBusyError):
        await rig.driver.delete_file(stored)
    with pytest.raises(PrinterBusyError):
        await rig.driver.upload("part.gcode", rig.short)
    assert (await rig.driver.read_state()).status == "printing"


async def test_deleting(rig: Rig) -> None:
    await rig.driver.delete_file("never-there.gcode")
    stored = await start(rig, rig.gcode(2))
    await rig.until(lambda state: state.status == "idle" and state.completion == 100)
    await rig.driver.delete_file(stored)
    await rig.until(lambda state: state.file is None)
    with pytest.raises(PrinterRejectedError):
        await rig.driver.start(stored)


async def test_uploading_again_overwrites(rig: Rig) -> None:
    await rig.driver.upload("part.gcode", rig.long)
    stored = await start(rig, rig.gcode(2))
    await rig.until(lambda state: state.file == stored and state.completion == 100, timeout=5)


@pytest.mark.parametrize("name", ["Würfel №1, 100%2F #2?.gcode", "火 (копия) [final] 'x' \"y\".gcode", ".hidden.gcode"])
async def test_a_name_as_people_give_them(rig: Rig, name: str) -> None:
    stored = await start(rig, rig.gcode(2), name)
    state = await rig.until(lambda state: state.status == "idle" and state.completion == 100)
    assert state.file == stored
    await rig.driver.delete_file(stored)
    await rig.until(lambda state: state.file is None)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up.gcode", "a/b.gcode", "a\\b.gcode", "a\nb.gcode", "x" * 300 + ".gcode"]
)
async def test_a_name_that_is_none(rig: Rig, name: str) -> None:
    with pytest.raises(PrinterRejectedError):
        await rig.driver.upload(name, rig.short)
    for command in (rig.driver.start, rig.driver.delete_file):
        with pytest.raises(PrinterRejectedError):
            await command(name)


async def test_an_unknown_file_isnt_started(rig: Rig) -> None:
    with pytest.raises(PrinterRejectedError):
        await rig.driver.start("nowhere.gcode")
    assert (await rig.driver.read_state()).status == "idle"


async def test_only_gcode(rig: Rig) -> None:
    with pytest.raises(PrinterRejectedError):
        await rig.driver.upload("model.txt", rig.short)


async def test_a_file_that_is_gone(rig: Rig) -> None:
    with pytest.raises(PrinterRejectedError):
        await rig.driver.upload("part.gcode", rig.folder / "gone.gcode")


async def test_connecting_what_is_connected_disturbs_nothing(rig: Rig) -> None:
    await printing(rig)
    await rig.driver.connect()
    assert (await rig.driver.read_state()).status == "printing"


async def test_closing_twice(rig: Rig) -> None:
    await rig.driver.aclose()
    await rig.driver.aclose()


def can(rig: Rig, capability: Capability) -> bool:
    return capability in rig.driver.capabilities


async def test_watching_a_print(rig: Rig) -> None:
    if not can(rig, "push"):
        with pytest.raises(PrinterRejectedError):
            rig.driver.watch()
        return
    async with watching(rig.driver) as watched:
        first = await watched.until_status("idle")
        assert (first.file, first.completion, first.print_time, first.error) == (None,) * 4
        stored = await start(rig, rig.gcode(40))
        last = await watched.until(lambda state: state.status == "idle" and state.completion == 100)
        states = [state for state in watched.states if state.status == "printing" and state.completion is not None]
        assert {state.file for state in states} == {stored}
        progress = [state.completion or 0.0 for state in states]
        assert len(progress) > 2
        assert progress == sorted(progress)
        now = await rig.driver.read_state()
        assert (last.status, last.file, last.completion) == (now.status, now.file, now.completion)
        assert abs(last.observed_at - time.time()) < 5


async def test_watching_pause_resume_and_cancel(rig: Rig) -> None:
    if not can(rig, "push"):
        return
    await printing(rig)
    async with watching(rig.driver) as watched:
        assert (await watched.until_status("printing")).completion
        await rig.driver.pause()
        await watched.until_status("paused")
        await rig.driver.resume()
        await watched.until_status("printing")
        await rig.driver.cancel()
        assert (await watched.until_status("idle")).completion is None


async def test_nothing_changes_and_the_state_is_told_again(rig: Rig) -> None:
    if not can(rig, "push"):
        return
    async with watching(rig.driver) as watched:
        first = await watched.until_status("idle")
        again = await watched.until(lambda state: state.observed_at > first.observed_at + 1, timeout=12)
        assert again.status == "idle"


async def test_heating(rig: Rig) -> None:
    if not can(rig, "temperature"):
        with pytest.raises(PrinterRejectedError):
            await rig.driver.set_temperature("tool0", 200)
        return
    await rig.driver.set_temperature("tool0", 200)
    await rig.driver.set_temperature("bed", 60)
    await rig.until(lambda state: ON.items() <= {name: t.target for name, t in state.temperature.items()}.items(), 30)
    await rig.driver.set_temperature("tool0", 0)
    await rig.driver.set_temperature("bed", 0)
    await rig.until(lambda state: not any(heater.target for heater in state.temperature.values()), 30)
    with pytest.raises(PrinterRejectedError):
        await rig.driver.set_temperature("tool7", 200)


async def test_heating_while_it_prints(rig: Rig) -> None:
    if not can(rig, "temperature"):
        return
    await printing(rig)
    await rig.driver.set_temperature("bed", 60)
    await rig.until(lambda state: "bed" in state.temperature and state.temperature["bed"].target == 60, 30)
    assert (await rig.driver.read_state()).status == "printing"


async def test_moving_and_gcode(rig: Rig) -> None:
    if can(rig, "home"):
        await rig.driver.home(["x", "y", "z"])
    if can(rig, "jog"):
        await rig.driver.jog({"x": 10.0, "z": 0.5}, 3000)
        await rig.driver.jog({"x": -2.5})
    if can(rig, "gcode"):
        await rig.driver.send_gcode(["G90", "M140 S45"])
        await rig.until(lambda state: "bed" in state.temperature and state.temperature["bed"].target == 45, 30)
    assert (await rig.driver.read_state()).status == "idle"


async def test_no_moving_while_it_prints(rig: Rig) -> None:
    commands: dict[Capability, Callable[[], Awaitable[None]]] = {
        "home": lambda: rig.driver.home(["x"]),
        "jog": lambda: rig.driver.jog({"x": 1.0}),
        "gcode": lambda: rig.driver.send_gcode(["G28"]),
    }
    await printing(rig)
    for paused in (False, True):
        if paused:
            await rig.driver.pause()
            await rig.until_status("paused")
        for capability, command in commands.items():
            with pytest.raises(PrinterBusyError if can(rig, capability) else PrinterRejectedError):
                await command()
