"""A file from the upload to the end of its print, on the simulated printer, a real OctoPrint and a real Moonraker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from plugins.printing.tests.e2e.backends import BACKENDS, LONG, SHORT, Backend, running_backend
from tests.support.printing_gateway import PrintingGateway, ok, problem, wait_for

NATIVE = [each for each in BACKENDS if each.values[0] != "fluxprint"]


@pytest.fixture(scope="module", params=NATIVE)
def running_native(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with running_backend(request, request.param) as backend:
        yield backend


@pytest.fixture
def gateway(running_native: Backend) -> PrintingGateway:
    running_native.clean()
    return running_native.gateway


def printing(gateway: PrintingGateway, content: bytes = LONG, name: str = "part.gcode") -> int:
    """The queue id of a job that is seen printing."""
    gateway.upload(name, content)
    queue_id = gateway.enqueue(name)
    gateway.post(f"/queue/{queue_id}/start")
    gateway.wait_state("Printing")
    wait_for(lambda: gateway.job(queue_id)["printer_status"] == "printing")
    return queue_id


def test_upload_queue_start_progress_completed(gateway: PrintingGateway) -> None:
    name = "Würfel größe 2.gcode"
    gateway.upload(name, SHORT * 5)
    queue_id = gateway.enqueue(name, material_type="PLA", print_settings={"infill": 0})
    started = gateway.post(f"/queue/{queue_id}/start")
    assert (started["queue_id"], started["status"], started["started"]) == (queue_id, "printing", True)
    seen: list[float] = []

    def done() -> dict[str, Any] | None:
        row = gateway.job(queue_id)
        seen.append(gateway.get("/job")["progress"]["completion"] or 0.0)
        return row if row["status"] == "completed" else None

    row = wait_for(done, 30)
    assert row is not None
    assert any(0 < completion < 100 for completion in seen)
    assert (row["file_name"], float(row["progress"]), row["material_type"]) == (name, 100.0, "PLA")
    assert row["started_at"] is not None
    assert row["completed_at"] is not None
    assert row["actual_time"] >= 1
    assert row["error_message"] is None
    (job,) = [job for job in gateway.get("/jobs/history") if job["fluxprint_queue_id"] == queue_id]
    assert (job["status"], job["progress"], job["file_name"]) == ("completed", 100.0, name)
    assert job["print_settings"] == {"infill": 0}
    assert gateway.get("/queue")["items"] == []


def test_the_same_file_twice_in_a_row(gateway: PrintingGateway) -> None:
    """The first print's 100 % is not the second's."""
    gateway.upload("part.gcode", SHORT)
    first, second = gateway.enqueue("part.gcode"), gateway.enqueue("part.gcode")
    gateway.post(f"/queue/{first}/start")
    gateway.wait_status(first, "completed")
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["ready"])
    gateway.post(f"/queue/{second}/start")
    assert gateway.wait_status(second, "completed")["actual_time"] is not None


def test_print_at_once(gateway: PrintingGateway) -> None:
    answer = gateway.upload("part.gcode", LONG, print="true")
    queue_id = answer["files"]["part.gcode"]["queue_id"]
    assert gateway.job(queue_id)["status"] == "printing"
    later = gateway.post("/queue", {"filename": "part.gcode", "print": True})
    assert later["started"] is False
    assert "printing" in later["waiting"]
    (waiting,) = [item for item in gateway.get("/queue")["items"] if item["status"] == "queued"]
    assert (waiting["id"], waiting["position"]) == (later["queue_id"], 1)
    assert "printing" in waiting["detail"]


def test_cancel(gateway: PrintingGateway) -> None:
    queue_id = printing(gateway)
    gateway.post("/job/cancel")
    row = gateway.wait_status(queue_id, "canceled")
    assert row["canceled_at"] is not None
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["ready"])
    problem(gateway.request("POST", "/job/cancel"), 409, "PRINTER_STATE")


def test_cancel_right_after_the_start(gateway: PrintingGateway) -> None:
    gateway.upload("part.gcode", LONG)
    queue_id = gateway.enqueue("part.gcode")
    gateway.post(f"/queue/{queue_id}/start")
    gateway.post("/job/cancel")
    gateway.wait_status(queue_id, "canceled")
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["ready"])


def test_pause_and_resume(gateway: PrintingGateway) -> None:
    queue_id = printing(gateway)
    gateway.post("/job/pause")
    gateway.wait_state("Paused")
    assert gateway.get("/status")["state"]["flags"]["paused"] is True
    wait_for(lambda: gateway.job(queue_id)["printer_status"] == "paused")
    assert gateway.job(queue_id)["status"] == "printing"
    gateway.post("/job/pause")  # harmless
    gateway.post("/job/resume")
    gateway.wait_state("Printing")
    problem(gateway.request("DELETE", f"/queue/{queue_id}"), 409, "JOB_PRINTING")
    assert gateway.job(queue_id)["status"] == "printing"


def test_nothing_to_pause(gateway: PrintingGateway) -> None:
    for command in ("pause", "resume", "cancel"):
        problem(gateway.request("POST", f"/job/{command}"), 409, "PRINTER_STATE")


def test_a_file_that_prints_isnt_deleted(gateway: PrintingGateway) -> None:
    printing(gateway)
    problem(gateway.request("DELETE", "/files/part.gcode"), 409, "FILE_IN_USE", "name")


def test_start_while_printing(gateway: PrintingGateway) -> None:
    printing(gateway)
    other = gateway.enqueue("part.gcode")
    problem(gateway.request("POST", f"/queue/{other}/start"), 409, "PRINTER_BUSY")
    assert gateway.job(other)["status"] == "queued"
    problem(gateway.request("POST", "/queue/999999/start"), 404, "JOB_NOT_FOUND", "id")
    problem(gateway.request("POST", f"/queue/{other}/start", json={"printer": "no such"}), 404, "PRINTER_NOT_FOUND")
    problem(gateway.request("POST", f"/queue/{other}/start", json={"printer": 5}), 400, "INVALID_REQUEST")


def test_two_starts_at_once_start_it_once(gateway: PrintingGateway) -> None:
    gateway.upload("part.gcode", LONG)
    same, other = gateway.enqueue("part.gcode"), gateway.enqueue("part.gcode")
    together = threading.Barrier(8)

    def start(queue_id: int) -> int:
        together.wait()
        return gateway.request("POST", f"/queue/{queue_id}/start").status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(start, [same, same, same, same, other, other, same, other]))
    assert sorted(codes) == [200] * sum(code == 200 for code in codes) + [409] * sum(code == 409 for code in codes)
    assert codes.count(200) + codes.count(201) == 1, codes
    assert sorted([gateway.job(same)["status"], gateway.job(other)["status"]]) == ["printing", "queued"]


def test_an_idempotency_key_makes_one_job(gateway: PrintingGateway) -> None:
    gateway.upload("part.gcode", SHORT)
    gateway.upload("other.gcode", SHORT)
    key = {"headers": {"Idempotency-Key": "abc-1"}}
    body = {"filename": "part.gcode"}
    first = gateway.post("/queue", body, **key)
    again = gateway.post("/queue", body, **key)
    assert again["queue_id"] == first["queue_id"]
    assert len(gateway.get("/queue")["items"]) == 1
    refused = gateway.request("POST", "/queue", json={"filename": "other.gcode"}, **key)
    problem(refused, 409, "IDEMPOTENCY_KEY_REUSED")
    gateway.post("/queue", body, headers={"Idempotency-Key": "abc-2"})
    assert len(gateway.get("/queue")["items"]) == 2


def test_settling_a_job_by_hand_keeps_to_the_state_machine(gateway: PrintingGateway) -> None:
    gateway.upload("part.gcode", SHORT)
    queue_id = gateway.enqueue("part.gcode")
    job_id = gateway.job(queue_id)["id"]

    def settle(status: str) -> Any:
        return gateway.request("PATCH", f"/jobs/{job_id}/status", json={"status": status})

    problem(settle("bananas"), 400, "INVALID_REQUEST", "status")
    problem(settle("completed"), 409, "JOB_TRANSITION_REFUSED", "status")
    ok(settle("failed"))
    problem(settle("printing"), 409, "JOB_TRANSITION_REFUSED", "status")
    assert gateway.job(queue_id)["status"] == "failed"


def test_a_print_settled_by_hand_frees_the_lane_when_the_printer_is_free(gateway: PrintingGateway) -> None:
    queue_id = printing(gateway)
    job_id = gateway.job(queue_id)["id"]
    ok(gateway.request("PATCH", f"/jobs/{job_id}/status", json={"status": "failed", "error_message": "spaghetti"}))
    assert gateway.job(queue_id)["error_message"] == "spaghetti"
    other = gateway.enqueue("part.gcode")
    problem(gateway.request("POST", f"/queue/{other}/start"), 409, "PRINTER_BUSY")
    gateway.post("/job/cancel")
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["ready"])
    gateway.post(f"/queue/{other}/start")
    gateway.wait_state("Printing")
    gateway.post("/job/cancel")
    gateway.wait_status(other, "canceled")
    assert gateway.job(queue_id)["status"] == "failed"


def test_health_shows_the_printer(gateway: PrintingGateway) -> None:
    checks = wait_for(lambda: gateway.health()["plugins"]["printing"]["checks"])
    assert checks["printers"]["status"] == "up"
