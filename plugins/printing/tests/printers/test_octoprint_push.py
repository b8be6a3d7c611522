"""What a real OctoPrint tells by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterOfflineError, PrinterRejectedError
from fluxgate_printing.printers.octoprint import OctoPrintDriver
from fluxgate_printing.settings import OctoPrintSettings

from plugins.printing.tests.printers.rig import Rig, watching
from tests.support.octoprint import OctoPrintServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.octoprint, pytest.mark.xdist_group("octoprint")]


@pytest.fixture
async def real(octoprint: OctoPrintServer, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Rig]:
    driver = OctoPrintDriver(OctoPrintSettings(url=octoprint.url, api_key=octoprint.api_key, timeout=5))
    yield Rig(driver, tmp_path)
    await driver.aclose()


def logins(octoprint: OctoPrintServer) -> int:
    """How often somebody authenticated a socket."""
    return (octoprint.directory / "output.log").read_text(errors="replace").count("logged in on the socket")


def actual(state: PrinterState, heater: str) -> float | None:
    """How warm a heater is."""
    return state.temperature[heater].actual if heater in state.temperature else None


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [("drop_connection", "error", "Serial"), ("action_disconnect", "offline", None)],
)
async def test_a_lost_printer_and_its_return(
    octoprint: OctoPrintServer, real: Rig, fault: str, status: str, error: str | None
) -> None:
    stored = await real.driver.upload("part.gcode", real.long)
    async with watching(real.driver) as watched:
        await watched.until_status("idle")
        await real.driver.start(stored)
        await watched.until(lambda state: bool(state.completion))
        octoprint.debug(fault)
        state = await watched.until_status(status)
        assert (state.file, state.completion) == (None, None)
        assert error in (state.error or "") if error else state.error is None
        again = await watched.until(lambda later: later.observed_at > state.observed_at + 1)
        assert again.status == status, "told again while nothing changes"
        await real.driver.connect()
        await watched.until_status("idle")
        assert {state.status for state in watched.states} <= {"idle", "printing", status, "offline", "connecting"}


async def test_the_server_dies(octoprint: OctoPrintServer, real: Rig) -> None:
    async with watching(real.driver) as watched:
        await watched.until_status("idle")
        octoprint.kill()
        assert isinstance(await watched.until_error(), PrinterOfflineError)
    async with watching(real.driver) as watched:
        assert isinstance(await watched.until_error(), PrinterOfflineError)
        assert watched.states == []
    octoprint.start()
    async with watching(real.driver) as watched:
        await watched.until_status("idle")


@pytest.mark.parametrize("key", ["not-the-key", None])
async def test_a_wrong_key(octoprint: OctoPrintServer, key: str | None) -> None:
    driver = OctoPrintDriver(OctoPrintSettings(url=octoprint.url, api_key=key))
    async with watching(driver) as watched:
        error = await watched.until_error()
    assert isinstance(error, PrinterRejectedError)
    assert "API key" in str(error)
    assert watched.states == []
    await driver.aclose()


async def test_a_session_that_octoprint_takes_back(octoprint: OctoPrintServer, real: Rig) -> None:
    before = logins(octoprint)
    async with watching(real.driver) as watched:
        await watched.until_status("idle")
        await eventually(lambda: logins(octoprint) == before + 1)
        for permissions in (["STATUS"], []):
            user = {"active": True, "groups": ["admins", "users"], "permissions": permissions}
            octoprint.request("PUT", "/api/access/users/admin", user).raise_for_status()
        await eventually(lambda: logins(octoprint) > before + 1)
        await real.driver.start(await real.driver.upload("part.gcode", real.gcode(30)))
        await watched.until(lambda state: state.status == "printing" and bool(state.completion))
        await watched.until(lambda state: state.status == "idle" and state.completion == 100)


async def test_temperatures_are_told(real: Rig) -> None:
    async with watching(real.driver) as watched:
        await watched.until_status("idle")
        await real.driver.set_temperature("tool0", 60)
        state = await watched.until(lambda state: (actual(state, "tool0") or 0) >= 40, 30)
        assert state.temperature["tool0"].target == 60
        assert all(heater.actual is not None for heater in state.temperature.values())
        await real.driver.set_temperature("tool0", 0)
