"""Drivers of other distributions: used like the plugin's own, and a broken one costs its own printers alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.printing.tests.e2e.backends import SHORT
from tests.support.printing_gateway import PrintingGateway, ok, wait_for

ACME = '''
"""A driver as somebody else writes it."""
import time

from fluxgate_printing.hookspecs import hookimpl
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterBusyError, PrinterDriver, PrinterRejectedError
from fluxgate_printing.printers.kinds import DriverKind
from fluxgate_printing.settings import AnyPrinterSettings


class AcmeSettings(AnyPrinterSettings, frozen=True, kw_only=True, tag="acme"):
    """An Acme printer. `serial`: its number; `pin`: its PIN."""

    serial: str
    pin: str | None = None
    poll_interval: float = 0.1


class Acme(PrinterDriver):
    def __init__(self, settings):
        self.settings, self.files, self.printing, self.file = settings, set(), 0.0, None

    async def read_state(self):
        printing = time.monotonic() < self.printing
        return PrinterState(
            status="printing" if printing else "idle", text="Printing" if printing else "Operational", file=self.file,
            completion=None if self.file is None else 50.0 if printing else 100.0, observed_at=time.time(),
        )

    async def upload(self, name, path):
        self.files.add(name)
        return name

    async def start(self, name):
        if name not in self.files:
            raise PrinterRejectedError("There is no such file.")
        self.file, self.printing = name, time.monotonic() + 1

    async def pause(self):
        raise PrinterBusyError("It can't pause.")

    resume = pause

    async def cancel(self):
        self.printing = 0.0

    async def connect(self):
        pass

    async def delete_file(self, name):
        self.files.discard(name)

    async def camera_url(self):
        return None

    async def aclose(self):
        pass


def check(settings):
    if not settings.serial.isdigit():
        raise ValueError("serial has digits only")


@hookimpl
def fluxgate_printing_driver():
    return DriverKind(
        title="Acme", settings=AcmeSettings, make=lambda settings, folder: Acme(settings), check=check,
        secrets=frozenset({"pin"}),
    )
'''
CONFIG = """
[plugins.printing]
backend = "native"
[plugins.printing.printers.good]
driver = "virtual"
[plugins.printing.printers.other]
driver = "acme"
serial = "4711"
pin = "env:ACME_PIN"
"""
BROKEN = {
    "doesn't import": "import no_such_module",
    "ends the process": "raise SystemExit(3)",
    "has no hook": "x = 1",
    "returns nonsense": ACME.replace("return DriverKind(", "return dict("),
    "fails": ACME.replace("    return DriverKind(", "    1 / 0\n    return DriverKind("),
    "is called otherwise": ACME.replace('tag="acme"', 'tag="acne"'),
    "has settings of its own": ACME.replace("(AnyPrinterSettings, ", "(__import__('msgspec').Struct, "),
    "hides what it hasn't": ACME.replace('frozenset({"pin"})', 'frozenset({"pim"})'),
    "misspells the hook": ACME.replace("def fluxgate_printing_driver", "def fluxgate_printing_drover"),
}


def installed(folder: Path, source: str) -> str:
    (folder / "acme.py").write_text(source)
    metadata = folder / "acme-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[fluxgate_printing.drivers]\nacme = acme\n")
    return str(folder)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[PrintingGateway]:
    with PrintingGateway(CONFIG, PYTHONPATH=installed(tmp_path, ACME), ACME_PIN="1234") as gateway:
        yield gateway


def test_its_printers_are_like_any_other(gateway: PrintingGateway) -> None:
    gateway.upload("part.gcode", SHORT)
    job = gateway.enqueue("part.gcode", printer="other")
    gateway.post(f"/queue/{job}/start")
    assert gateway.wait_status(job, "completed")["printer_name"] == "other"
    entry = gateway.get("/printer-settings/other")
    assert (entry["driver"], entry["settings"]["serial"], entry["secrets"]) == ("acme", "4711", ["pin"])
    assert "1234" not in gateway.log
    body = {"name": "third", "settings": {"driver": "acme", "serial": "1", "pin": "9999"}}
    added = gateway.request("POST", "/printer-settings", json=body)
    assert added.status_code == 201, added.text
    assert "9999" not in added.text
    wrong = gateway.request(
        "POST", "/printer-settings", json={**body, "name": "x", "settings": {"driver": "acme", "serial": "x"}}
    )
    assert wrong.status_code == 422
    assert "digits" in wrong.json()["message"]
    tried = ok(gateway.request("POST", "/printer-test", json={"name": "third"}))
    assert tried["ok"]
    schema = {each["driver"]: each for each in gateway.get("/printer-drivers")["drivers"]}["acme"]
    assert "serial" in str(schema["schema"])


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_a_broken_one_costs_its_own_printers_alone(tmp_path: Path, source: str) -> None:
    with PrintingGateway(CONFIG, PYTHONPATH=installed(tmp_path, source), ACME_PIN="1234") as gateway:
        other = wait_for(lambda: (seen := gateway.get("/printers/other"))["error"] and seen, what="it was asked")
        assert other["status"] == "offline"
        assert "its driver can't be used" in other["error"].lower()
        assert gateway.get("/printers/good")["status"] == "idle"
        assert "the driver acme can't be used" in gateway.log
