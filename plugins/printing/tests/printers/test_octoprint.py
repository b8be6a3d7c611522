"""What only OctoPrint does, on a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from fluxgate_printing.printers.base import PrinterBusyError, PrinterOfflineError, PrinterRejectedError
from fluxgate_printing.printers.octoprint import OctoPrintDriver
from fluxgate_printing.settings import OctoPrintSettings

from plugins.printing.tests.printers.rig import Rig
from tests.support.octoprint import OctoPrintServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.octoprint, pytest.mark.xdist_group("octoprint")]


@pytest.fixture
async def real(octoprint: OctoPrintServer, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Rig]:
    driver = OctoPrintDriver(OctoPrintSettings(url=octoprint.url + "/", api_key=octoprint.api_key, timeout=5))
    yield Rig(driver, tmp_path)
    await driver.aclose()


async def printing(rig: Rig) -> str:
    stored = await rig.driver.upload("part.gcode", rig.long)
    await rig.driver.start(stored)
    await rig.until(lambda state: bool(state.completion))
    return stored


@pytest.mark.parametrize("key", ["not-the-key", None])
async def test_a_wrong_key_is_named_as_the_problem(octoprint: OctoPrintServer, tmp_path: Path, key: str | None) -> None:
    rig = Rig(OctoPrintDriver(OctoPrintSettings(url=octoprint.url, api_key=key)), tmp_path)
    for command in (
        rig.driver.read_state,
        partial(rig.driver.upload, "part.gcode", rig.short),
        partial(rig.driver.start, "part.gcode"),
        partial(rig.driver.delete_file, "part.gcode"),
        rig.driver.cancel,
        rig.driver.connect,
        rig.driver.camera_url,
    ):
        with pytest.raises(PrinterRejectedError, match="API key"):
            await command()
    await rig.driver.aclose()


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("drop_connection", "error", "Serial"),
        ("trigger_fatal_error_marlin", "error", "Thermal Runaway"),
        ("action_disconnect", "offline", None),
    ],
)
async def test_a_lost_printer_and_its_return(
    octoprint: OctoPrintServer, real: Rig, fault: str, status: str, error: str | None
) -> None:
    stored = await printing(real)
    octoprint.debug(fault)
    state = await real.until(lambda state: state.status != "printing")
    assert (state.status, state.file, state.completion) == (status, None, None)
    assert error in (state.error or "") if error else state.error is None
    for refused in (partial(real.driver.start, stored), real.driver.pause, real.driver.cancel):
        with pytest.raises(PrinterOfflineError if status == "offline" else PrinterBusyError):
            await refused()
    await real.driver.connect()
    seen = {state.status for state in await real.states_until(lambda state: state.status == "idle")}
    assert seen <= {status, "offline", "connecting", "idle"}
    await real.driver.start(stored)
    await real.until_status("printing")


async def test_start_alone_would_be_answered_and_do_nothing(octoprint: OctoPrintServer, real: Rig) -> None:
    stored = await real.driver.upload("part.gcode", real.long)
    assert octoprint.request("POST", "/api/job", {"command": "start"}).status_code == 204
    assert (await real.driver.read_state()).status == "idle"
    await real.driver.start(stored)
    await real.until_status("printing")


async def test_the_server_dies_and_comes_back(octoprint: OctoPrintServer, real: Rig) -> None:
    stored = await real.driver.upload("part.gcode", real.long)
    octoprint.kill()
    upload = partial(real.driver.upload, "b.gcode", real.short)
    for command in (real.driver.read_state, partial(real.driver.start, stored), upload, real.driver.cancel):
        with pytest.raises(PrinterOfflineError):
            await command()
    octoprint.start()
    await real.until_status("idle")
    await real.driver.start(stored)
    await real.until_status("printing")


async def test_temperatures_job_and_estimate(octoprint: OctoPrintServer, real: Rig) -> None:
    path = real.folder / "hot.gcode"
    path.write_bytes(b"M104 S210\nM140 S60\nG92 E0\nG1 X10 E20 F6000\nG1 X50 E60\n" + b"G4 P100\n" * 3000)
    stored = await real.driver.upload("hot.gcode", path)
    await real.driver.start(stored)
    state = await real.until(lambda state: {"tool0", "bed"} <= set(state.temperature))
    state = await real.until(lambda state: state.temperature["tool0"].target == 210 and bool(state.completion))
    assert (state.temperature["bed"].target, state.print_time is not None) == (60, True)


async def test_filament_after_the_analysis(octoprint: OctoPrintServer, real: Rig) -> None:
    path = real.folder / "filament.gcode"
    path.write_bytes(b"G92 E0\nG1 X10 E20 F6000\nG1 X50 E60\nG4 P1\n")
    stored = await real.driver.upload("filament.gcode", path)
    await eventually(
        lambda: "gcodeAnalysis" in octoprint.request("GET", f"/api/files/local/{stored}").json(), timeout=20
    )
    await real.driver.start(stored)
    state = await real.until(lambda state: state.filament is not None)
    assert state.filament is not None
    assert state.filament["tool0"].length == pytest.approx(60)
    assert state.estimated_print_time is not None
    await real.until_status("idle")


async def test_the_camera_that_octoprint_announces(octoprint: OctoPrintServer, real: Rig) -> None:
    def announce(url: str) -> None:
        change = {"plugins": {"classicwebcam": {"stream": url}}}
        octoprint.request("POST", "/api/settings", change).raise_for_status()

    try:
        assert await real.driver.camera_url() == octoprint.url + "/webcam/?action=stream"
        announce("//camera.example:8080/?action=stream")
        assert await real.driver.camera_url() == "http://camera.example:8080/?action=stream"
        for none in ("", "webrtc://camera.example/1"):
            announce(none)
            assert await real.driver.camera_url() is None
    finally:
        announce("/webcam/?action=stream")


async def test_a_configured_camera_wins(octoprint: OctoPrintServer) -> None:
    driver = OctoPrintDriver(OctoPrintSettings(url=octoprint.url, camera_url="http://camera.example/stream"))
    assert await driver.camera_url() == "http://camera.example/stream"
    await driver.aclose()


async def test_a_shared_client_stays_open(octoprint: OctoPrintServer) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        driver = OctoPrintDriver(OctoPrintSettings(url=octoprint.url, api_key=octoprint.api_key), client)
        await driver.aclose()
        assert (await driver.read_state()).status == "idle"
