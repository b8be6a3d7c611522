"""What goes wrong with printers and with the gateway: nothing is printed twice, and nothing is forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.printing.tests.e2e.backends import LONG, SHORT, octoprint_config, virtual
from tests.support.octoprint import OCTOPRINT_MARKS, OctoPrintServer, free_port
from tests.support.printing_gateway import PrintingGateway, ok, problem, wait_for
from tests.support.stalling_octoprint import StallingOctoPrint, stalling_octoprint


def with_marks(test: Any) -> Any:
    for mark in OCTOPRINT_MARKS:
        test = mark(test)
    return test


def start(gateway: PrintingGateway, content: bytes = LONG, name: str = "part.gcode") -> int:
    """The queue id of a job that was just started."""
    gateway.upload(name, content)
    queue_id = gateway.enqueue(name)
    gateway.post(f"/queue/{queue_id}/start")
    return queue_id


def wait_seen(gateway: PrintingGateway, queue_id: int) -> None:
    wait_for(lambda: gateway.job(queue_id)["printer_status"] == "printing", what="the print was seen")


# -- a real OctoPrint


@pytest.fixture
def octo(octoprint: OctoPrintServer) -> Iterator[PrintingGateway]:
    with PrintingGateway(octoprint_config(octoprint.url, octoprint.api_key)) as gateway:
        yield gateway


def prints(octoprint: OctoPrintServer, name: str) -> int:
    """How often OctoPrint itself says that it began to print this file."""
    history = octoprint.request("GET", f"/api/files/local/{name}").json().get("prints", {})
    return int(history.get("success", 0)) + int(history.get("failure", 0))


@with_marks
@pytest.mark.parametrize("fault", ["drop_connection", "action_disconnect", "trigger_fatal_error_marlin"])
def test_octoprint_loses_its_printer_in_mid_print(
    octo: PrintingGateway, octoprint: OctoPrintServer, fault: str
) -> None:
    queue_id = start(octo)
    wait_seen(octo, queue_id)
    octoprint.debug(fault)
    row = octo.wait_status(queue_id, "failed")
    assert row["error_message"]
    assert row["error_timestamp"] is not None
    wait_for(lambda: not octo.get("/status")["state"]["flags"]["operational"])
    other = octo.enqueue("part.gcode")
    answer = octo.request("POST", f"/queue/{other}/start")
    assert (answer.status_code, answer.json()["code"]) in {(503, "PRINTER_OFFLINE"), (409, "PRINTER_ERROR")}
    octoprint.reset()
    wait_for(lambda: octo.get("/status")["state"]["flags"]["ready"])
    assert octo.job(queue_id)["status"] == "failed"
    assert octo.job(other)["status"] == "queued"


@with_marks
def test_a_wrong_key(octoprint: OctoPrintServer) -> None:
    with PrintingGateway(octoprint_config(octoprint.url, "0" * 32)) as gateway:
        gateway.upload("part.gcode", SHORT)
        queue_id = gateway.enqueue("part.gcode")
        problem(gateway.request("POST", f"/queue/{queue_id}/start"), 503, "PRINTER_OFFLINE")
        status = gateway.get("/status")
        assert status["state"]["flags"]["operational"] is False
        assert "key" in status["error"]
        problem(gateway.request("POST", "/job/cancel"), 502, "PRINTER_REJECTED")
        assert gateway.job(queue_id)["status"] == "queued"
        checks = wait_for(lambda: gateway.health()["plugins"]["printing"]["checks"])
        wait_for(lambda: gateway.health()["plugins"]["printing"]["checks"]["printers"]["status"] == "degraded")
        assert checks["printers"]["critical"] is False


@with_marks
def test_killed_in_mid_print_and_started_again_the_job_goes_on(
    octo: PrintingGateway, octoprint: OctoPrintServer
) -> None:
    name = "Zwei Teile.gcode"  # OctoPrint calls it otherwise
    queue_id = start(octo, SHORT * 25, name)
    wait_seen(octo, queue_id)
    octo.restart()
    assert octo.job(queue_id)["status"] == "printing"
    (item,) = octo.get("/queue")["items"]
    assert (item["id"], item["status"], item["outcomeUnknown"]) == (queue_id, "printing", False)
    row = octo.wait_status(queue_id, "completed", 30)
    assert float(row["progress"]) == 100
    (file,) = octoprint.request("GET", "/api/files").json()["files"]
    assert prints(octoprint, file["path"]) == 1


@with_marks
def test_a_print_that_ends_while_the_gateway_is_down_is_completed(
    octo: PrintingGateway, octoprint: OctoPrintServer
) -> None:
    queue_id = start(octo, SHORT * 4)
    wait_seen(octo, queue_id)
    octo.kill()
    wait_for(lambda: octoprint.request("GET", "/api/job").json()["state"] == "Operational")
    octo.start()
    octo.wait_status(queue_id, "completed")
    assert prints(octoprint, "part.gcode") == 1


@with_marks
def test_octoprint_dies_in_mid_print_and_comes_back(octo: PrintingGateway, octoprint: OctoPrintServer) -> None:
    queue_id = start(octo)
    wait_seen(octo, queue_id)
    octoprint.kill()
    wait_for(lambda: octo.get("/status")["state"]["flags"]["closedOrError"])
    assert octo.get("/status")["state"]["flags"]["operational"] is False
    assert octo.job(queue_id)["status"] == "printing"  # offline is not failed
    problem(octo.request("POST", "/job/pause"), 503, "PRINTER_OFFLINE")
    octoprint.start()
    # OctoPrint has forgotten the print; whether it was done can't be told, or it says that the printer was gone
    row = wait_for(
        lambda: (row := octo.job(queue_id)) and (row["outcome_unknown"] or row["status"] == "failed") and row, 30
    )
    assert row["state_detail"] or row["error_message"]
    assert prints(octoprint, "part.gcode") == 0
    assert octoprint.request("GET", "/api/job").json()["state"] == "Operational"


def test_octoprint_is_down() -> None:
    with PrintingGateway(octoprint_config(f"http://127.0.0.1:{free_port()}", "k" * 32)) as gateway:
        status = gateway.get("/status")
        assert status["state"]["text"] == "Offline"
        assert status["state"]["flags"]["operational"] is False
        assert status["error"]
        assert gateway.get("/job")["state"] == "Offline"
        gateway.upload("part.gcode", SHORT)
        queue_id = gateway.enqueue("part.gcode")
        refused = gateway.request("POST", f"/queue/{queue_id}/start")
        problem(refused, 503, "PRINTER_OFFLINE")
        assert 0 < int(refused.headers["retry-after"]) <= 30
        for command in ("cancel", "pause", "resume"):
            problem(gateway.request("POST", f"/job/{command}"), 503, "PRINTER_OFFLINE")
        added = gateway.post("/queue", {"filename": "part.gcode", "print": True})
        assert added["started"] is False
        assert "offline" in added["waiting"]
        details = [item["detail"] for item in gateway.get("/queue")["items"]]
        assert all("offline" in detail for detail in details)
        problem(gateway.request("GET", "/camera/stream"), 503, "CAMERA_UNAVAILABLE")
        assert gateway.client.get(f"{gateway.url}/-/health/ready").is_success


# -- a server that takes commands and doesn't answer


@pytest.fixture
def stalling() -> Iterator[StallingOctoPrint]:
    with stalling_octoprint() as server:
        yield server


@pytest.fixture
def stalled(stalling: StallingOctoPrint) -> Iterator[PrintingGateway]:
    with PrintingGateway(octoprint_config(stalling.url, "k" * 32, timeout=1)) as gateway:
        yield gateway


def wait_held(gateway: PrintingGateway, queue_id: int) -> dict[str, Any]:
    row = wait_for(lambda: (row := gateway.job(queue_id))["outcome_unknown"] and row)
    assert isinstance(row, dict)
    assert row["status"] == "printing"
    assert row["state_detail"]
    return row


def test_killed_between_the_start_command_and_its_answer(stalled: PrintingGateway, stalling: StallingOctoPrint) -> None:
    stalling.stall, stalling.starts_on_command = {"/part.gcode"}, False
    queue_id = start(stalled)
    wait_for(lambda: stalling.starts == 1)
    stalled.restart()
    wait_held(stalled, queue_id)
    item = stalled.get("/queue")["items"][0]
    assert (item["id"], item["outcomeUnknown"]) == (queue_id, True)
    assert item["detail"]
    other = stalled.enqueue("part.gcode")
    problem(stalled.request("POST", f"/queue/{other}/start"), 409, "PRINTER_HELD")
    problem(stalled.request("POST", f"/queue/{queue_id}/start"), 409, "JOB_NOT_QUEUED")
    ok(stalled.request("PATCH", f"/jobs/{stalled.job(queue_id)['id']}/status", json={"status": "failed"}))
    assert stalled.job(queue_id)["status"] == "failed"
    assert stalling.starts == 1
    stalling.stall, stalling.starts_on_command = set(), True
    stalled.post(f"/queue/{other}/start")
    wait_seen(stalled, other)
    assert stalling.starts == 2


def test_a_held_job_is_taken_out_of_the_queue(stalled: PrintingGateway, stalling: StallingOctoPrint) -> None:
    stalling.stall, stalling.starts_on_command = {"/part.gcode"}, False
    queue_id = start(stalled)
    wait_held(stalled, queue_id)
    stalled.delete(f"/queue/{queue_id}")
    assert stalled.job(queue_id)["status"] == "canceled"
    assert stalling.starts == 1
    stalling.stall, stalling.starts_on_command = set(), True
    other = stalled.enqueue("part.gcode")
    stalled.post(f"/queue/{other}/start")
    wait_seen(stalled, other)


def test_a_start_whose_answer_never_comes_is_adopted_when_it_is_seen_printing(
    stalled: PrintingGateway, stalling: StallingOctoPrint
) -> None:
    stalling.stall, stalling.starts_on_command = {"/part.gcode"}, False
    queue_id = start(stalled)
    wait_held(stalled, queue_id)
    stalling.printing, stalling.completion = True, 10.0
    wait_for(lambda: not stalled.job(queue_id)["outcome_unknown"])
    assert stalled.job(queue_id)["status"] == "printing"
    stalling.printing, stalling.completion = False, 100.0
    stalled.wait_status(queue_id, "completed")
    assert stalling.starts == 1


def test_killed_before_the_start_command_the_job_waits_again(
    stalled: PrintingGateway, stalling: StallingOctoPrint
) -> None:
    stalling.stall = {"/api/files/local"}
    queue_id = start(stalled)
    wait_for(lambda: stalling.uploads == 1)
    assert stalled.job(queue_id)["status"] == "printing"
    stalled.restart()
    assert stalled.job(queue_id)["status"] == "queued"
    item = stalled.get("/queue")["items"][0]
    assert (item["id"], item["position"]) == (queue_id, 1)
    assert "interrupted" in item["detail"]
    assert stalling.starts == 0


def test_a_cancel_before_the_start_command_means_no_start_command(
    stalled: PrintingGateway, stalling: StallingOctoPrint
) -> None:
    stalling.stall = {"/api/files/local"}
    queue_id = start(stalled)
    wait_for(lambda: stalling.uploads == 1)
    stalled.post("/job/cancel")
    stalling.released.set()  # breaks the upload off
    stalled.wait_status(queue_id, "canceled")
    assert stalling.starts == 0


def test_a_job_settled_before_the_start_command_isnt_started(
    stalled: PrintingGateway, stalling: StallingOctoPrint
) -> None:
    stalling.stall = {"/api/files/local"}
    queue_id = start(stalled)
    wait_for(lambda: stalling.uploads == 1)
    ok(stalled.request("PATCH", f"/jobs/{stalled.job(queue_id)['id']}/status", json={"status": "canceled"}))
    stalling.stall = set()
    stalling.released.set()
    other = stalled.enqueue("part.gcode")
    stalled.post(f"/queue/{other}/start")
    wait_seen(stalled, other)
    assert stalled.job(queue_id)["status"] == "canceled"
    assert stalling.starts == 1


# -- the simulated printer, told to fail


@pytest.mark.parametrize(
    ("fault", "reason", "code"),
    [("thermal", "runaway", "PRINTER_ERROR"), ("disconnect", "connection", "PRINTER_OFFLINE")],
)
def test_a_failing_printer(fault: str, reason: str, code: str) -> None:
    with PrintingGateway(virtual(fail=fault, fail_at=30)) as gateway:
        queue_id = start(gateway, SHORT * 5)
        row = gateway.wait_status(queue_id, "failed")
        assert reason in row["error_message"]
        assert 0 < float(row["progress"]) < 100
        other = gateway.enqueue("part.gcode")
        answer = gateway.request("POST", f"/queue/{other}/start")
        problem(answer, answer.status_code, code)
        assert gateway.job(other)["status"] == "queued"
        assert gateway.get("/status")["state"]["flags"]["closedOrError"] is True
        assert gateway.get("/queue")["failedJobs"] == 1


def test_a_slow_printer_doesnt_delay_another(stalling: StallingOctoPrint) -> None:
    config = octoprint_config(stalling.url, "k" * 32, timeout=30)
    config += '\n[plugins.printing.printers.bench]\ndriver = "virtual"\nspeed_factor = 1.0\n'
    with PrintingGateway(config) as gateway:
        stalling.stall = {"/api/files/local"}
        slow = start(gateway)
        wait_for(lambda: stalling.uploads == 1)
        quick = gateway.enqueue("part.gcode")
        began = time.monotonic()
        gateway.post(f"/queue/{quick}/start", {"printer": "bench"})
        wait_seen(gateway, quick)
        assert time.monotonic() - began < 5
        assert gateway.job(quick)["printer_name"] == "bench"
        assert gateway.job(slow)["printer_status"] is None
        stalling.released.set()


def test_the_database_is_away_when_the_print_ends(tmp_path: object) -> None:
    """A SQLite database that somebody keeps locked: the end is recorded when it can be."""
    with PrintingGateway(virtual()) as gateway:
        queue_id = start(gateway, SHORT * 3)
        wait_seen(gateway, queue_id)
        with gateway.locked_database():
            wait_for(lambda: gateway.get("/status")["state"]["flags"]["ready"])
            assert gateway.job(queue_id)["status"] == "printing"
            wait_for(lambda: "can't be written" in gateway.log or "recording the job" in gateway.log, 30)
        gateway.wait_status(queue_id, "completed")
