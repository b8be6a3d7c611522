"""What a printer may be told is said where it is listed and where it is told live, whatever its driver."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.printing.tests.e2e.backends import NATIVE
from plugins.printing.tests.e2e.test_events import listening
from tests.support.printing_gateway import PrintingGateway, problem

pytestmark = pytest.mark.xdist_group("printing-options")

PRINTERS = """
[plugins.printing.printers.plain]
driver = "virtual"
[plugins.printing.printers.narrow]
driver = "virtual"
max_hotend = 250
max_bed = 90
allowed_gcode = ["M117", "bed_mesh_calibrate", "m300"]
[plugins.printing.printers.away]
driver = "moonraker"
url = "http://127.0.0.1:9"
max_bed = 60.5
"""
KNOWN: dict[str, Any] = {
    "plain": ({"hotend": 300.0, "bed": 120.0}, []),
    "narrow": ({"hotend": 250.0, "bed": 90.0}, ["BED_MESH_CALIBRATE", "M117", "M300"]),
    "away": ({"hotend": 300.0, "bed": 60.5}, []),
}


def told(printers: list[dict[str, Any]]) -> dict[str, Any]:
    return {printer["name"]: (printer["bounds"], printer["allowedGcode"]) for printer in printers}


def test_in_lists_and_live() -> None:
    with PrintingGateway(NATIVE + PRINTERS) as gateway:
        assert told(gateway.get("/printers")["printers"]) == KNOWN
        assert told([gateway.get("/printers/narrow")]) == {"narrow": KNOWN["narrow"]}
        with listening(gateway, query="?topics=printers") as events:
            name, snapshot = events.next()
        assert (name, told(snapshot["printers"])) == ("snapshot", KNOWN)
        path = "/printers/narrow/temperature"
        gateway.post(path, {"heater": "tool0", "target": 250})
        body = {"heater": "tool0", "target": 251}
        problem(gateway.request("POST", path, json=body), 422, "TEMPERATURE_OUT_OF_RANGE", "target")
