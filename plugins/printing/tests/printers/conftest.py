"""Fixtures for the printers' tests: the real servers, and the contract suite's rigs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from fluxgate_printing.printers.base import PrinterDriver
from fluxgate_printing.printers.moonraker import MoonrakerDriver
from fluxgate_printing.printers.octoprint import OctoPrintDriver
from fluxgate_printing.printers.prusalink import PrusaLinkDriver
from fluxgate_printing.printers.virtual import VirtualPrinter
from fluxgate_printing.settings import (
    MoonrakerSettings,
    OctoPrintSettings,
    PrusaLinkSettings,
    VirtualPrinterSettings,
)

from plugins.printing.tests.printers.rig import Rig
from tests.support.moonraker import MOONRAKER_MARKS, MoonrakerServer
from tests.support.octoprint import OCTOPRINT_MARKS, OctoPrintServer
from tests.support.octoprint_fleet import KEY, OctoPrintFleet
from tests.support.prusalink import PrusaLinkServer, prusalink_marks

RIGS = [
    pytest.param("octoprint", marks=OCTOPRINT_MARKS),
    pytest.param("moonraker", marks=MOONRAKER_MARKS),
    pytest.param("prusalink", marks=prusalink_marks()),
    "fleet",
    "virtual",
]


@pytest.fixture(scope="session")
def fleet() -> Iterator[OctoPrintFleet]:
    """The simulated OctoPrints."""
    with OctoPrintFleet() as fleet:
        yield fleet


@pytest.fixture(params=RIGS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Rig]:
    driver: PrinterDriver
    if request.param == "octoprint":
        server: OctoPrintServer = request.getfixturevalue("octoprint")
        driver = OctoPrintDriver(OctoPrintSettings(url=server.url, api_key=server.api_key))
    elif request.param == "moonraker":
        klipper: MoonrakerServer = request.getfixturevalue("moonraker")
        driver = MoonrakerDriver(MoonrakerSettings(url=klipper.url, api_key=klipper.api_key))
    elif request.param == "prusalink":
        link: PrusaLinkServer = request.getfixturevalue("prusalink")
        driver = PrusaLinkDriver(PrusaLinkSettings(url=link.url, api_key=link.api_key))
    elif request.param == "fleet":
        fleet: OctoPrintFleet = request.getfixturevalue("fleet")
        driver = OctoPrintDriver(OctoPrintSettings(url=f"{fleet.url}/{uuid4().hex}", api_key=KEY))
    else:
        driver = VirtualPrinter(VirtualPrinterSettings(speed_factor=10), tmp_path / "printer")
    yield Rig(driver, tmp_path)
    await driver.aclose()
