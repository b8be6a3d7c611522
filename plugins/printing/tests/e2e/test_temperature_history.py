"""A chart's beginning, by a whole gateway."""

from __future__ import annotations

import time
from typing import Any

import pytest

from plugins.printing.tests.e2e.backends import NATIVE
from tests.support.printing_gateway import PrintingGateway, problem, wait_for

pytestmark = pytest.mark.xdist_group("printing-options")

PRINTERS = """
[plugins.printing.printers.bench]
driver = "virtual"
speed_factor = 100
[plugins.printing.printers.away]
driver = "moonraker"
url = "http://127.0.0.1:9"
"""


def test_a_printer_that_warms_up_and_one_that_is_away() -> None:
    with PrintingGateway(NATIVE + PRINTERS) as gateway:

        def history(printer: str) -> Any:
            return gateway.get(f"/printers/{printer}/temperature/history")

        wait_for(lambda: len(history("bench")["times"]) > 1)
        gateway.post("/printers/bench/temperature", {"heater": "tool0", "target": 60})
        warm = wait_for(lambda: (seen := history("bench"))["heaters"]["tool0"]["actual"][-1] > 50 and seen)
        assert warm["interval"] == 2
        tool, bed = warm["heaters"]["tool0"], warm["heaters"]["bed"]
        assert (tool["target"][0], tool["target"][-1], bed["target"][-1]) == (0, 60, 0)
        assert tool["actual"][0] < 30
        for columns in (tool, bed):
            assert len(columns["actual"]) == len(columns["target"]) == len(warm["times"])
        assert abs(warm["times"][-1] - time.time()) < 30
        away = wait_for(lambda: (seen := history("away"))["times"] and seen)
        assert away["heaters"] == {}
        problem(gateway.request("GET", "/printers/nowhere/temperature/history"), 404, "PRINTER_NOT_FOUND")
