"""What forms are offered, by a whole gateway: the defaults, and what is configured."""

from __future__ import annotations

import json

import pytest

from plugins.printing.tests.e2e.backends import NATIVE
from tests.support.fluxprint import running_fluxprint
from tests.support.printing_gateway import PrintingGateway

pytestmark = pytest.mark.xdist_group("printing-options")

CONFIGURED = """
[plugins.printing.costs]
currency = "CHF"
machine_per_hour = 0.35
materials = { pla = 20, ASA = 31.5 }
[plugins.printing.presets.Warm]
hotend = 150
bed = 0
"""
QUALITIES = ["draft", "standard", "high", "ultra"]


def test_by_default() -> None:
    with PrintingGateway() as gateway:
        options = gateway.get("/options")
    names = ["PLA", "PETG", "ABS", "TPU", "NYLON"]
    assert (options["currency"], options["machinePerHour"], options["qualities"]) == ("EUR", 0.0, QUALITIES)
    assert [material["type"] for material in options["materials"]] == names
    assert options["materials"][0] == {"type": "PLA", "pricePerKg": 25.0}
    assert [preset["name"] for preset in options["presets"]] == names
    assert options["presets"][0] == {"name": "PLA", "hotend": 210.0, "bed": 60.0}


def test_as_configured_on_both_backends() -> None:
    with running_fluxprint() as service:
        fluxprint = f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n'
        for backend in (NATIVE, fluxprint):
            with PrintingGateway(backend + CONFIGURED) as gateway:
                assert gateway.get("/options") == {
                    "currency": "CHF",
                    "machinePerHour": 0.35,
                    "materials": [{"type": "PLA", "pricePerKg": 20.0}, {"type": "ASA", "pricePerKg": 31.5}],
                    "qualities": QUALITIES,
                    "presets": [{"name": "Warm", "hotend": 150.0, "bed": 0.0}],
                }


@pytest.mark.parametrize("preset", ["hotend = 601\nbed = 60", "hotend = 210\nbed = -1", "hotend = 210"])
def test_a_preset_that_no_printer_could_have(preset: str) -> None:
    gateway = PrintingGateway(f"{NATIVE}[plugins.printing.presets.PLA]\n{preset}\n")
    try:
        gateway.start(quarantined=True)
        assert "presets.PLA" in json.dumps(gateway.health())
        gateway.stop()
    finally:
        gateway.discard()
