"""What only Moonraker and Klipper do, on a real Moonraker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from fluxgate_printing.printers.base import (
    PrinterBusyError,
    PrinterOfflineError,
    PrinterOutcomeUnknown,
    PrinterRejectedError,
)
from fluxgate_printing.printers.moonraker import MoonrakerDriver
from fluxgate_printing.settings import MoonrakerSettings

from plugins.printing.tests.printers.rig import Rig, watching
from tests.support.moonraker import MoonrakerServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.moonraker, pytest.mark.xdist_group("moonraker")]


@pytest.fixture
async def real(moonraker: MoonrakerServer, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Rig]:
    driver = MoonrakerDriver(MoonrakerSettings(url=moonraker.url + "/", api_key=moonraker.api_key, timeout=5))
    yield Rig(driver, tmp_path)
    await driver.aclose()


async def started(rig: Rig, content: bytes, name: str = "part.gcode") -> str:
    path = rig.folder / "content"
    path.write_bytes(content)
    stored = await rig.driver.upload(name, path)
    await rig.driver.start(stored)
    return stored


async def printing(rig: Rig) -> str:
    stored = await started(rig, b"G4 P100\n" * 3000)
    await rig.until(lambda state: bool(state.completion))
    return stored


@pytest.mark.parametrize("key", ["not-the-key", None])
async def test_a_wrong_key_is_named_as_the_problem(moonraker: MoonrakerServer, tmp_path: Path, key: str | None) -> None:
    rig = Rig(MoonrakerDriver(MoonrakerSettings(url=moonraker.url, api_key=key)), tmp_path)
    for command in (
        rig.driver.read_state,
        partial(rig.driver.upload, "part.gcode", rig.short),
        partial(rig.driver.start, "part.gcode"),
        partial(rig.driver.delete_file, "part.gcode"),
        rig.driver.cancel,
        rig.driver.connect,
        rig.driver.camera_url,
        partial(rig.driver.send_gcode, ["G28"]),
    ):
        with pytest.raises(PrinterRejectedError, match="API key"):
            await command()
    await rig.driver.aclose()


async def test_klippers_oddities_are_what_the_driver_guards_against(moonraker: MoonrakerServer, real: Rig) -> None:
    for command in ("pause", "resume", "cancel"):
        assert moonraker.request("POST", f"/printer/print/{command}").status_code == 200
    stored = await printing(real)
    await real.driver.pause()
    before = await real.until_status("paused")
    assert before.completion
    moonraker.call("POST", "/printer/print/start", {"filename": stored})
    await real.until(lambda state: state.status == "printing" and (state.completion or 0) < (before.completion or 0))


async def test_before_klipper_first_connects(real: Rig, moonraker: MoonrakerServer) -> None:
    moonraker.kill_klippy()
    moonraker.kill()
    moonraker.start()
    assert moonraker.request("POST", "/printer/objects/query", {"objects": {}}).status_code == 404
    state = await real.driver.read_state()
    assert (state.status, state.file, state.temperature, state.error) == ("connecting", None, {}, None)
    for command in (partial(real.driver.start, "part.gcode"), real.driver.pause, partial(real.driver.home, ["x"])):
        with pytest.raises(PrinterOfflineError):
            await command()
    assert await real.driver.upload("part.gcode", real.short) == "part.gcode"
    moonraker.start_klippy()
    await real.driver.start("part.gcode")
    await real.until_status("printing")


async def test_klipper_dies_and_comes_back(real: Rig, moonraker: MoonrakerServer) -> None:
    stored = await printing(real)
    moonraker.kill_klippy()
    state = await real.until_status("offline")
    assert (state.file, state.completion, state.error) == (None, None, "Klipper isn't running.")
    for command in (partial(real.driver.start, stored), real.driver.cancel):
        with pytest.raises(PrinterOfflineError):
            await command()
    moonraker.start_klippy()
    state = await real.until_status("idle")
    assert (state.file, state.completion) == (None, None), "Klipper has forgotten the print"
    await real.driver.start(stored)
    await real.until_status("printing")


async def test_klipper_shuts_down_and_is_restarted(real: Rig, moonraker: MoonrakerServer) -> None:
    stored = await printing(real)
    moonraker.script("M112")
    state = await real.until_status("error")
    assert (state.error, state.file) == ("Shutdown due to M112 command", None)
    for command in (partial(real.driver.start, stored), real.driver.cancel, partial(real.driver.home, ["x"])):
        with pytest.raises(PrinterBusyError, match="Shutdown due to M112"):
            await command()
    await real.driver.connect()
    await real.until_status("idle")
    await real.driver.start(stored)
    await real.until_status("printing")


async def test_a_mistake_in_klippers_configuration(real: Rig, moonraker: MoonrakerServer) -> None:
    moonraker.kill_klippy()
    moonraker.until_klippy("disconnected")
    moonraker.start_klippy(broken="Option 'pin' in section 'fan' must be specified\nOnce it is corrected, restart")
    state = await real.driver.read_state()
    assert (state.status, state.error) == ("error", "Option 'pin' in section 'fan' must be specified")


async def test_a_print_that_klipper_fails(real: Rig) -> None:
    stored = await started(real, b"G4 P100\nG28\nG1 X9999\n" + b"G4 P100\n" * 1000)
    state = await real.until_status("error")
    assert (state.error or "").startswith("Move out of range: 9999")
    assert (state.file, state.completion) == (None, None)
    with pytest.raises(PrinterBusyError, match="Move out of range"):
        await real.driver.start(stored)
    await real.driver.connect()
    assert (await real.driver.read_state()).status == "idle"


async def test_a_command_that_waits_for_the_one_before_it(moonraker: MoonrakerServer, tmp_path: Path) -> None:
    """Cancelling while the hotend heats up, say: Klipper does it when it is hot."""
    driver = MoonrakerDriver(MoonrakerSettings(url=moonraker.url, api_key=moonraker.api_key, timeout=0.5))
    rig = Rig(driver, tmp_path)
    await started(rig, b"G4 P1\nG4 P1\nG4 P4000\n" + b"G4 P100\n" * 100)
    await rig.until(lambda state: bool(state.completion))
    await driver.cancel()
    assert (await driver.read_state()).status == "printing"
    await rig.until_status("idle")
    await driver.aclose()


async def test_a_command_that_klipper_was_lost_with(real: Rig, moonraker: MoonrakerServer) -> None:
    await started(real, b"G4 P1\nG4 P1\nG4 P60000\n")
    await real.until(lambda state: bool(state.completion))
    cancel = asyncio.create_task(real.driver.cancel())
    await eventually(lambda: moonraker.waiting() == 1)
    moonraker.kill_klippy()
    with pytest.raises(PrinterOutcomeUnknown):
        await cancel


async def test_the_server_dies_and_comes_back(moonraker: MoonrakerServer, real: Rig) -> None:
    stored = await real.driver.upload("part.gcode", real.long)
    moonraker.kill()
    upload = partial(real.driver.upload, "b.gcode", real.short)
    for command in (real.driver.read_state, partial(real.driver.start, stored), upload, real.driver.cancel):
        with pytest.raises(PrinterOfflineError):
            await command()
    moonraker.start()
    await real.until_status("idle")
    await real.driver.start(stored)
    await real.until_status("printing")


async def test_temperatures_and_what_the_slicer_said(real: Rig) -> None:
    slicer = b"; generated by PrusaSlicer 2.6.0 on 2024-01-01\n"
    facts = b"; filament used [mm] = 1234.5\n; estimated printing time (normal mode) = 1h 2m 3s\n"
    stored = await started(real, slicer + b"M104 S210\nM140 S60\n" + b"G4 P100\n" * 3000 + facts)
    state = await real.until(lambda state: bool(state.completion) and state.temperature["tool0"].target == 210)
    assert (state.file, state.temperature["bed"].target, set(state.temperature)) == (stored, 60, {"tool0", "bed"})
    assert state.estimated_print_time == 3723
    assert state.filament is not None
    assert state.filament["tool0"].length == 1234.5
    assert state.print_time_left == pytest.approx(3723 * (1 - (state.completion or 0) / 100))


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ('a "b"; c#d*e.gcode', "a _b__ c_d_e.gcode"),
        ("PART.GCODE", "PART.gcode"),
        (" part.g ", "part.g"),
        ("..part.gcode", "part.gcode"),
    ],
)
async def test_names_that_klipper_couldnt_read_back(real: Rig, name: str, stored: str) -> None:
    assert await real.driver.upload(name, real.gcode(3)) == stored
    await real.driver.start(stored)
    await real.until(lambda state: state.file == stored and state.completion == 100)


async def test_the_cameras_that_moonraker_lists(moonraker: MoonrakerServer, real: Rig) -> None:
    def add(name: str, url: str, **more: object) -> None:
        moonraker.call("POST", "/server/webcams/item", {"name": name, "stream_url": url, **more})

    assert await real.driver.camera_url() is None
    add("off", "http://off.example/stream", service="mjpegstreamer", enabled=False)
    add("webrtc", "http://webrtc.example/stream", service="webrtc-camerastreamer")
    assert await real.driver.camera_url() is None
    add("relative", "/webcam/?action=stream", service="mjpegstreamer-adaptive")
    assert await real.driver.camera_url() == f"{moonraker.url}/webcam/?action=stream"
    moonraker.call("DELETE", "/server/webcams/item?name=relative")
    add("absolute", "http://camera.example:8080/?action=stream", service="mjpegstreamer")
    assert await real.driver.camera_url() == "http://camera.example:8080/?action=stream"


async def test_a_configured_camera_wins(moonraker: MoonrakerServer) -> None:
    driver = MoonrakerDriver(MoonrakerSettings(url=moonraker.url, camera_url="http://camera.example/stream"))
    assert await driver.camera_url() == "http://camera.example/stream"
    await driver.aclose()


async def test_a_shared_client_stays_open(moonraker: MoonrakerServer) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        driver = MoonrakerDriver(MoonrakerSettings(url=moonraker.url, api_key=moonraker.api_key), client)
        await driver.aclose()
        assert (await driver.read_state()).status == "idle"


async def test_commands_that_klipper_refuses_say_why(real: Rig) -> None:
    with pytest.raises(PrinterRejectedError, match="Must home axis first"):
        await real.driver.jog({"x": 10.0})
    with pytest.raises(PrinterRejectedError, match="out of range"):
        await real.driver.set_temperature("bed", 1000)
    with pytest.raises(PrinterRejectedError, match="Extrude below minimum temp"):
        await real.driver.send_gcode(["G1 E5 F100"])
    for heater in ("tool9", "tool3", "chamber"):
        with pytest.raises(PrinterRejectedError):
            await real.driver.set_temperature(heater, 20)


async def test_a_refused_jog_leaves_no_trace(real: Rig, moonraker: MoonrakerServer) -> None:
    await real.driver.home(["x"])
    with pytest.raises(PrinterRejectedError, match="Move out of range"):
        await real.driver.jog({"x": -10.0})
    assert moonraker.objects("gcode_move")["gcode_move"]["absolute_coordinates"] is True
    await real.driver.jog({"x": 10.0}, 6000)
    await real.driver.jog({"x": 10.0}, 6000)
    assert moonraker.objects("toolhead")["toolhead"]["position"][0] == 20


def connections(moonraker: MoonrakerServer) -> int:
    count = moonraker.call("GET", "/server/info")["websocket_count"]
    assert isinstance(count, int)
    return count


async def test_watching_is_one_connection_that_ends_with_it(moonraker: MoonrakerServer, real: Rig) -> None:
    before = connections(moonraker)
    async with watching(real.driver) as watched:
        await watched.until_status("idle")
        assert connections(moonraker) == before + 1
    await eventually(lambda: connections(moonraker) == before)


async def test_watching_klipper_die_and_come_back(moonraker: MoonrakerServer, real: Rig) -> None:
    stored = await printing(real)
    async with watching(real.driver) as watched:
        await watched.until_status("printing")
        moonraker.kill_klippy()
        state = await watched.until_status("offline")
        assert (state.file, state.completion) == (None, None)
        moonraker.start_klippy()
        assert (await watched.until_status("idle")).temperature
        await real.driver.start(stored)
        state = await watched.until(lambda state: bool(state.completion))
        assert (state.status, state.file) == ("printing", stored)


async def test_watching_klipper_shut_down_and_restart(moonraker: MoonrakerServer, real: Rig) -> None:
    async with watching(real.driver) as watched:
        await watched.until_status("idle")
        moonraker.script("M112")
        assert (await watched.until_status("error")).error == "Shutdown due to M112 command"
        await real.driver.connect()
        await watched.until_status("idle")


async def test_watching_klipper_come_up_with_a_mistake(moonraker: MoonrakerServer, real: Rig) -> None:
    moonraker.kill_klippy()
    moonraker.until_klippy("disconnected")
    async with watching(real.driver) as watched:
        await watched.until_status("offline")
        moonraker.start_klippy(broken="Option 'pin' in section 'fan' must be specified")
        assert (await watched.until_status("error")).error == "Option 'pin' in section 'fan' must be specified"
        moonraker.kill_klippy()
        await watched.until_status("offline")
        moonraker.start_klippy()
        await watched.until_status("idle")


async def test_watching_klipper_be_replaced_by_one_with_a_mistake(moonraker: MoonrakerServer, real: Rig) -> None:
    """Nobody says so: not that it came, nor what is wrong."""
    async with watching(real.driver) as watched:
        await watched.until_status("idle")
        moonraker.kill_klippy()
        moonraker.start_klippy(broken="Option 'pin' in section 'fan' must be specified")
        await watched.until_status("error")


async def test_watching_before_klipper_first_connects(moonraker: MoonrakerServer, real: Rig) -> None:
    moonraker.kill_klippy()
    moonraker.kill()
    moonraker.start()
    async with watching(real.driver) as watched:
        await watched.until_status("connecting")
        moonraker.start_klippy()
        await watched.until_status("idle")


async def test_watching_the_server_die(moonraker: MoonrakerServer, real: Rig) -> None:
    async with watching(real.driver) as watched:
        await watched.until_status("idle")
        moonraker.kill()
        assert isinstance(await watched.until_error(), PrinterOfflineError)
    async with watching(real.driver) as watched:
        assert isinstance(await watched.until_error(), PrinterOfflineError)
        assert watched.states == []
    moonraker.start()
    moonraker.until_klippy("ready")
    async with watching(real.driver) as watched:
        await watched.until_status("idle")


async def test_watching_moonraker_come_back_to_a_klipper_that_prints(moonraker: MoonrakerServer, real: Rig) -> None:
    """Klipper prints on whether Moonraker runs or not: it mustn't look lost before it is found."""
    stored = await printing(real)
    moonraker.kill()
    moonraker.start()
    async with watching(real.driver) as watched:
        state = await watched.until_status("printing")
        assert {state.status for state in watched.states} <= {"connecting", "printing"}
    assert (state.file, (await real.driver.read_state()).status) == (stored, "printing")


async def test_reading_moonraker_come_back_to_a_klipper_that_prints(moonraker: MoonrakerServer, real: Rig) -> None:
    await printing(real)
    moonraker.kill()
    moonraker.start()
    states = await real.states_until(lambda state: state.status == "printing")
    assert {state.status for state in states} <= {"connecting", "printing"}


@pytest.mark.parametrize("key", ["not-the-key", None])
async def test_watching_with_a_wrong_key(moonraker: MoonrakerServer, key: str | None) -> None:
    driver = MoonrakerDriver(MoonrakerSettings(url=moonraker.url, api_key=key))
    async with watching(driver) as watched:
        error = await watched.until_error()
    assert isinstance(error, PrinterRejectedError)
    assert "API key" in str(error)
    assert watched.states == []
    await driver.aclose()


async def test_watching_a_file_be_deleted(real: Rig) -> None:
    async with watching(real.driver) as watched:
        stored = await started(real, b"G4 P100\nG4 P100\n")
        await watched.until(lambda state: state.status == "idle" and state.file == stored and state.completion == 100)
        await real.driver.delete_file(stored)
        await watched.until(lambda state: state.file is None)
