"""What goes wrong with Klipper and with Moonraker in the middle of a print, seen through the whole gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugins.printing.tests.e2e.backends import LONG, SHORT, moonraker_config
from tests.support.moonraker import MoonrakerServer
from tests.support.printing_gateway import PrintingGateway, problem, wait_for

pytestmark = [pytest.mark.moonraker, pytest.mark.xdist_group("moonraker")]


@pytest.fixture
def gateway(moonraker: MoonrakerServer) -> Iterator[PrintingGateway]:
    with PrintingGateway(moonraker_config(moonraker.url, moonraker.api_key)) as gateway:
        yield gateway


def printing(gateway: PrintingGateway, content: bytes = LONG) -> int:
    """The queue id of a job that is seen printing."""
    gateway.upload("part.gcode", content)
    queue_id = gateway.enqueue("part.gcode")
    gateway.post(f"/queue/{queue_id}/start")
    wait_for(lambda: gateway.job(queue_id)["printer_status"] == "printing", what="the print was seen")
    return queue_id


def test_klipper_shuts_down(gateway: PrintingGateway, moonraker: MoonrakerServer) -> None:
    queue_id = printing(gateway)
    moonraker.script("M112")
    row = gateway.wait_status(queue_id, "failed")
    assert row["error_message"] == "Shutdown due to M112 command"
    assert gateway.get("/status")["error"] == "Shutdown due to M112 command"
    other = gateway.enqueue("part.gcode")
    problem(gateway.request("POST", f"/queue/{other}/start"), 409, "PRINTER_ERROR")
    moonraker.script("FIRMWARE_RESTART")
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["ready"])
    assert gateway.job(other)["status"] == "queued"


def test_klipper_gives_a_print_up(gateway: PrintingGateway) -> None:
    queue_id = printing(gateway, SHORT * 2 + b"G28\nG1 X9999\n" + LONG)
    row = gateway.wait_status(queue_id, "failed")
    assert row["error_message"].startswith("Move out of range: 9999")


def test_klipper_dies(gateway: PrintingGateway, moonraker: MoonrakerServer) -> None:
    queue_id = printing(gateway)
    moonraker.kill_klippy()
    row = gateway.wait_status(queue_id, "failed")
    assert row["error_message"] == "Klipper isn't running."
    problem(gateway.request("POST", "/job/cancel"), 503, "PRINTER_OFFLINE")
    moonraker.start_klippy()
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["ready"])


def test_moonraker_dies_and_klipper_prints_on(gateway: PrintingGateway, moonraker: MoonrakerServer) -> None:
    queue_id = printing(gateway, SHORT * 25)
    moonraker.kill()
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["closedOrError"])
    assert gateway.job(queue_id)["status"] == "printing"  # offline is not failed
    problem(gateway.request("POST", "/job/pause"), 503, "PRINTER_OFFLINE")
    moonraker.start()
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["printing"], 30)
    row = gateway.wait_status(queue_id, "completed", 60)
    assert float(row["progress"]) == 100


def test_the_gateway_is_killed_and_klipper_prints_on(gateway: PrintingGateway, moonraker: MoonrakerServer) -> None:
    queue_id = printing(gateway, SHORT * 12)
    gateway.restart()
    assert gateway.job(queue_id)["status"] == "printing"
    gateway.wait_status(queue_id, "completed", 30)
    assert moonraker.objects("print_stats")["print_stats"]["state"] == "complete"
