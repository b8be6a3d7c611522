"""Heat, move, and G-code, through a whole gateway to a real Moonraker: what is allowed arrives, nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugins.printing.tests.e2e.backends import LONG, moonraker_config
from tests.support.moonraker import MOONRAKER_MARKS, MoonrakerServer
from tests.support.printing_gateway import PrintingGateway, problem, wait_for

P = "/printers/klipper"


@pytest.fixture(scope="module")
def gateway(moonraker_server: MoonrakerServer) -> Iterator[PrintingGateway]:
    moonraker_server.reset()
    config = moonraker_config(moonraker_server.url, moonraker_server.api_key, max_hotend=250, allowed_gcode=["m117"])
    with PrintingGateway(config) as gateway:
        gateway.wait_state("Operational")
        yield gateway


def marked(test: object) -> object:
    for mark in MOONRAKER_MARKS:
        test = mark(test)
    return test


def target(gateway: PrintingGateway, heater: str) -> float:
    return float(gateway.get(f"{P}/temperature")[heater]["target"])


@marked
def test_heating_within_bounds(gateway: PrintingGateway) -> None:
    gateway.post(f"{P}/temperature", {"heater": "tool0", "target": 60})
    wait_for(lambda: target(gateway, "tool0") == 60)
    gateway.post("/temperature/bed", {"target": 45})
    wait_for(lambda: target(gateway, "bed") == 45)
    gateway.post("/temperature/hotend", {"target": 0})
    wait_for(lambda: target(gateway, "tool0") == 0)
    for body, code, field in (
        ({"heater": "tool0", "target": 251}, "TEMPERATURE_OUT_OF_RANGE", "target"),
        ({"heater": "bed", "target": 121}, "TEMPERATURE_OUT_OF_RANGE", "target"),
        ({"heater": "chamber", "target": 40}, "UNKNOWN_HEATER", "heater"),
    ):
        problem(gateway.request("POST", f"{P}/temperature", json=body), 422, code, field)
    problem(gateway.request("POST", f"{P}/temperature", json={"heater": "bed", "target": -1}), 400, "INVALID_REQUEST")
    assert target(gateway, "bed") == 45


@marked
def test_moving_only_while_nothing_prints(gateway: PrintingGateway) -> None:
    gateway.post(f"{P}/home", {"axes": ["x", "y", "z"]})
    gateway.post(f"{P}/jog", {"x": 10, "z": 5, "speed": 3000})
    assert gateway.post(f"{P}/jog", {})["message"] == "There is nothing to move."
    problem(gateway.request("POST", f"{P}/home", json={"axes": ["e"]}), 400, "INVALID_REQUEST")
    gateway.upload("part.gcode", LONG)
    queue_id = gateway.enqueue("part.gcode")
    gateway.post(f"/queue/{queue_id}/start")
    gateway.wait_state("Printing")
    for path, body in (("home", {}), ("jog", {"x": 1}), ("gcode", {"commands": ["M117 hi"]})):
        problem(gateway.request("POST", f"{P}/{path}", json=body), 409, "PRINTER_BUSY")
    gateway.post(f"{P}/temperature", {"heater": "tool0", "target": 65})  # one may while it prints
    gateway.post("/job/cancel")
    gateway.wait_status(queue_id, "canceled")
    gateway.wait_state("Operational")


@marked
def test_gcode_that_is_allowed(gateway: PrintingGateway) -> None:
    assert gateway.post(f"{P}/gcode", {"commands": ["M117 Hello, you", " m117"]})["count"] == 2
    for command, status, code in (
        ("M112", 403, "GCODE_FORBIDDEN"),
        ("M117 a\nM112", 422, "INVALID_GCODE"),
        ("M117 a ; M112", 422, "INVALID_GCODE"),
        ("M117M112", 403, "GCODE_FORBIDDEN"),
        ("117", 422, "INVALID_GCODE"),
    ):
        body = {"commands": ["M117 ok", command]}
        problem(gateway.request("POST", f"{P}/gcode", json=body), status, code, "commands[1]")
