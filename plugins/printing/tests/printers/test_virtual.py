"""The simulated printer's physics and failures."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterBusyError, PrinterOfflineError, PrinterRejectedError
from fluxgate_printing.printers.machine import Heater
from fluxgate_printing.printers.simulation import analyse
from fluxgate_printing.printers.virtual import VirtualPrinter
from fluxgate_printing.settings import VirtualPrinterSettings

from plugins.printing.tests.printers.rig import Rig

pytestmark = pytest.mark.anyio

CUBE = (
    b"M140 S60\nM104 S210\nM190 S60\nM109 S210\nG28\nG92 E0\nM83\nG1 F3000\n"
    + b"G1 X100 Y0 E2\nG1 X100 Y100 E2\nG1 X0 Y100 E2\nG1 X0 Y0 E2\n" * 50
    + b"M104 S0\nM140 S0\n"
)
WAITING = b"G4 S1\n" * 1000


def printer(
    folder: Path, speed_factor: float = 1000, fail: Literal["never", "thermal", "disconnect"] = "never", at: float = 50
) -> Rig:
    settings = VirtualPrinterSettings(speed_factor=speed_factor, fail=fail, fail_at=at, camera_url="http://camera/")
    return Rig(VirtualPrinter(settings, folder / "printer"), folder)


async def start(rig: Rig, content: bytes) -> str:
    path = rig.folder / "file"
    path.write_bytes(content)
    stored = await rig.driver.upload("part.gcode", path)
    await rig.driver.start(stored)
    return stored


def printed(state: PrinterState, seconds: float) -> bool:
    return bool(state.print_time == pytest.approx(seconds))


def test_a_heater_nears_its_target_and_never_passes_it() -> None:
    heater = Heater(heating=20, cooling=60)
    heater.target = 200
    curve = []
    for _ in range(300):
        heater.advance(1)
        curve.append(heater.actual)
    assert curve == sorted(curve)
    assert 199 < curve[-1] <= 200
    heater.target = 0
    heater.advance(10_000)
    assert heater.actual == pytest.approx(21.3)


def test_time_to_is_when_it_is_there() -> None:
    whole, steps = Heater(20, 60), Heater(20, 60)
    whole.target = steps.target = 200
    seconds = whole.time_to()
    whole.advance(seconds)
    for _ in range(100):
        steps.advance(seconds / 100)
    assert whole.actual == pytest.approx(199)
    assert steps.actual == pytest.approx(199)
    whole.target = 50
    assert whole.time_to() == 0
    whole.advance(whole.time_to(cooling=True))
    assert whole.actual == pytest.approx(51)


async def test_it_heats_then_prints_then_cools(tmp_path: Path) -> None:
    rig = printer(tmp_path, speed_factor=600)
    await start(rig, CUBE)
    states = await rig.states_until(lambda state: state.status == "idle" and state.completion == 100)
    heating = [state.temperature["tool0"].actual or 0 for state in states if (state.completion or 0) < 5]
    assert len(heating) > 3
    assert heating == sorted(heating)
    assert max(state.temperature["tool0"].actual or 0 for state in states) > 205
    assert max(state.temperature["bed"].actual or 0 for state in states) > 55
    hot = states[-1].temperature["bed"].actual or 0
    await rig.until(lambda state: (state.temperature["bed"].actual or 0) < hot - 10)
    await rig.driver.aclose()


async def test_estimate_filament_and_time(tmp_path: Path) -> None:
    rig = printer(tmp_path, speed_factor=5000)
    await start(rig, CUBE)
    state = await rig.until(lambda state: state.status == "idle")
    assert state.filament is not None
    assert state.filament["tool0"].length == pytest.approx(400)
    assert state.filament["tool0"].volume == pytest.approx(0.962, abs=0.001)
    # 20 m at 50 mm/s, homing, and a few minutes to heat up
    assert 400 + 5 + 60 < (state.estimated_print_time or 0) < 400 + 5 + 600
    assert state.print_time == pytest.approx(state.estimated_print_time)
    await rig.driver.aclose()


async def test_the_speed_factor_is_simulated_seconds_per_second(tmp_path: Path) -> None:
    now = 100.0
    driver = VirtualPrinter(VirtualPrinterSettings(speed_factor=50), tmp_path / "printer", clock=lambda: now)
    rig = Rig(driver, tmp_path)
    await start(rig, WAITING)
    for seconds in (50.0, 250.0, 500.0):
        now += (seconds - ((await driver.read_state()).print_time or 0)) / 50
        state = await rig.until(partial(printed, seconds=seconds))
        assert state.print_time_left == pytest.approx((1000 - seconds) / 50)
        assert state.completion == pytest.approx(seconds / 10, abs=0.2)
    await driver.aclose()


@pytest.mark.parametrize("at", [0, 40, 100])
@pytest.mark.parametrize(("fail", "status"), [("thermal", "error"), ("disconnect", "offline")])
async def test_failures(tmp_path: Path, fail: Literal["thermal", "disconnect"], status: str, at: float) -> None:
    rig = printer(tmp_path, 5000, fail, at)
    stored = await start(rig, WAITING)
    seen = await rig.states_until(lambda state: state.status == status)
    assert all((state.completion or 0) <= at + 0.2 for state in seen)
    state = await rig.driver.read_state()
    assert state.error
    assert (state.file, state.completion) == (None, None)
    for command in (rig.driver.pause, rig.driver.resume, rig.driver.cancel):
        with pytest.raises(PrinterOfflineError if status == "offline" else PrinterBusyError):
            await command()
    await rig.driver.connect()
    state = await rig.driver.read_state()
    assert (state.status, state.error) == ("idle", None)
    await rig.driver.start(stored)
    await rig.driver.aclose()


@pytest.mark.parametrize("line", [b"M109 S301\n", b"m190 s121\n", b"G28\nM104 S9999\n"])
async def test_heat_that_it_doesnt_bear(tmp_path: Path, line: bytes) -> None:
    rig = printer(tmp_path)
    with pytest.raises(PrinterRejectedError, match="°C"):
        await start(rig, line)
    assert (await rig.driver.read_state()).status == "idle"


async def test_commands_that_it_doesnt_bear(tmp_path: Path) -> None:
    rig = printer(tmp_path)
    for command in (
        rig.driver.set_temperature("tool0", 301),
        rig.driver.set_temperature("bed", 121),
        rig.driver.set_temperature("bed", -1),
        rig.driver.set_temperature("tool1", 20),
        rig.driver.send_gcode(["M140 S60", "M104 S400"]),
    ):
        with pytest.raises(PrinterRejectedError):
            await command
        assert not any(heater.target for heater in (await rig.driver.read_state()).temperature.values())


async def test_two_starts_at_once_start_one(tmp_path: Path) -> None:
    rig = printer(tmp_path)
    path = tmp_path / "file"
    path.write_bytes(WAITING)
    names = [await rig.driver.upload(name, path) for name in ("a.gcode", "b.gcode")]
    outcomes = await asyncio.gather(*(rig.driver.start(name) for name in names), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [PrinterBusyError]
    await rig.driver.aclose()


async def test_it_keeps_the_file_it_was_given(tmp_path: Path) -> None:
    rig = printer(tmp_path)
    await start(rig, WAITING)
    (tmp_path / "file").unlink()
    await rig.until(lambda state: state.status == "idle" and state.completion == 100)
    assert [path.name for path in (tmp_path / "printer").iterdir()] == ["part.gcode"]
    again = Rig(VirtualPrinter(VirtualPrinterSettings(), tmp_path / "printer"), tmp_path)
    await again.driver.start("part.gcode")  # its files survive its process
    await again.driver.aclose()
    assert (await again.driver.read_state()).status == "offline"


async def test_its_camera(tmp_path: Path) -> None:
    assert await printer(tmp_path).driver.camera_url() == "http://camera/"


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 5000, b"; nothing\n"])
async def test_a_file_without_commands_is_printed_at_once(tmp_path: Path, content: bytes) -> None:
    rig = printer(tmp_path)
    await start(rig, content)
    await rig.until(lambda state: state.status == "idle" and state.completion == 100)


def test_the_time_of_a_huge_file_is_extrapolated(tmp_path: Path) -> None:
    path = tmp_path / "huge.gcode"
    line = b"G4 S1 ;" + b"x" * 4000 + b"\n"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(line * 100)
    analysis = analyse(path)
    assert analysis.seconds == pytest.approx(10_000, rel=0.01)
