"""What FluxStudio's frontend gets, whichever backend answers: one suite over all of them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from plugins.printing.tests.e2e.backends import LONG, SHORT, Backend, frames
from tests.support.printing_gateway import UPLOAD, ok, problem, wait_for

NUMBER = (int, float)


def is_number(value: Any) -> bool:
    return isinstance(value, NUMBER) and not isinstance(value, bool)


def ids(backend: Backend) -> list[int]:
    return [item["id"] for item in backend.gateway.get("/queue")["items"]]


def test_status(backend: Backend) -> None:
    status = backend.gateway.get("/status")
    assert isinstance(status["state"]["text"], str)
    flags = status["state"]["flags"]
    assert (flags["operational"], flags["printing"], flags["paused"]) == (True, False, False)
    # OctoPrint asks its printer for temperatures every five seconds
    temperature = wait_for(lambda: backend.gateway.get("/status")["temperature"])
    for heater in ("bed", "tool0"):
        assert is_number(temperature[heater]["actual"])
        assert is_number(temperature[heater]["target"])


def test_temperature(backend: Backend) -> None:
    temperature = wait_for(lambda: backend.gateway.get("/temperature"))
    assert {"bed", "tool0"} <= set(temperature)
    assert is_number(temperature["bed"]["actual"])


def test_job_of_an_idle_printer(backend: Backend) -> None:
    job = backend.gateway.get("/job")
    assert {"file", "estimatedPrintTime", "filament"} <= set(job["job"])
    assert "name" in job["job"]["file"]
    assert {"completion", "printTime", "printTimeLeft"} <= set(job["progress"])
    assert isinstance(job["state"], str)


def test_an_empty_queue(backend: Backend) -> None:
    queue = backend.gateway.get("/queue")
    assert queue["items"] == []
    assert all(isinstance(queue[key], int) for key in ("totalJobs", "completedJobs", "failedJobs"))


def test_upload_and_files(backend: Backend) -> None:
    name = "Würfel größe 日本.gcode"
    answer = backend.gateway.upload(name, SHORT)
    assert answer["done"] is True
    uploaded = answer["files"][name]
    assert (uploaded["done"], uploaded["name"], uploaded["path"], uploaded["size"]) == (True, name, name, len(SHORT))
    files = backend.gateway.get("/files")
    (file,) = files["files"]
    assert (file["name"], file["path"], file["size"]) == (name, name, len(SHORT))
    assert file["origin"] == "local"
    assert is_number(file["date"])
    for key in ("free", "total"):
        assert 0 < files[key] < 1 << 40
    backend.gateway.delete(f"/files/{name}")
    assert backend.gateway.get("/files")["files"] == []


def test_several_files_in_one_upload(backend: Backend) -> None:
    parts = [("files", (f"{letter}.gcode", SHORT + letter.encode())) for letter in "abc"]
    answer = ok(backend.gateway.request("POST", UPLOAD, files=parts))
    assert list(answer["files"]) == ["a.gcode", "b.gcode", "c.gcode"]
    assert {file["name"] for file in backend.gateway.get("/files")["files"]} == set(answer["files"])


def test_queue_a_file(backend: Backend) -> None:
    backend.gateway.upload("part.gcode", SHORT)
    answer = backend.gateway.request("POST", "/queue", json={"filename": "part.gcode", "priority": 0})
    assert answer.status_code in {200, 201}
    queue_id = ok(answer)["queue_id"]
    assert isinstance(queue_id, int)
    (item,) = backend.gateway.get("/queue")["items"]
    assert (item["id"], item["filename"], item["position"], item["status"]) == (queue_id, "part.gcode", 1, "queued")
    assert isinstance(item["addedAt"], str)
    row = backend.gateway.job(queue_id)
    assert (row["file_name"], row["status"]) == ("part.gcode", "queued")
    (active,) = backend.gateway.get("/jobs/active")[-1:]
    assert active["fluxprint_queue_id"] == queue_id
    assert backend.gateway.get(f"/jobs/{active['id']}")["file_name"] == "part.gcode"


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_reorder(backend: Backend, method: str) -> None:
    backend.gateway.upload("part.gcode", SHORT)
    first, second, third = (backend.gateway.enqueue("part.gcode") for _ in range(3))
    items = [{"id": third, "position": 1}, {"id": first, "position": 2}, {"id": second, "position": 3}]
    ok(backend.gateway.request(method, "/queue/reorder", json={"items": items}))
    assert ids(backend) == [third, first, second]


def test_take_a_job_out(backend: Backend) -> None:
    backend.gateway.upload("part.gcode", SHORT)
    first, second = backend.gateway.enqueue("part.gcode"), backend.gateway.enqueue("part.gcode")
    backend.gateway.delete(f"/queue/{first}")
    assert ids(backend) == [second]


def test_clear_the_queue(backend: Backend) -> None:
    backend.gateway.upload("part.gcode", SHORT)
    for _ in range(3):
        backend.gateway.enqueue("part.gcode")
    backend.gateway.delete("/queue")
    assert ids(backend) == []


def test_start_a_job_without_a_body(backend: Backend) -> None:
    backend.gateway.upload("part.gcode", LONG)
    queue_id = backend.gateway.enqueue("part.gcode")
    request = {"headers": {"content-type": "application/json", "content-length": "0"}}
    ok(backend.gateway.request("POST", f"/queue/{queue_id}/start", **request))
    wait_for(lambda: backend.gateway.get("/status")["state"]["flags"]["printing"])
    wait_for(lambda: backend.gateway.get("/job")["job"]["file"]["name"] == "part.gcode")
    # OctoPrint has no number until the first line is on its way
    wait_for(lambda: is_number(backend.gateway.get("/job")["progress"]["completion"]))
    item = backend.gateway.get("/queue")["items"][0]
    assert (item["id"], item["status"]) == (queue_id, "printing")


def test_a_file_is_deleted_twice(backend: Backend) -> None:
    backend.gateway.upload("part.gcode", SHORT)
    backend.gateway.upload("other.gcode", SHORT)
    backend.gateway.delete("/files/part.gcode")
    again = backend.gateway.request("DELETE", "/files/part.gcode")
    # FluxPrint's own answer passes as it is
    assert again.status_code == 200 if backend.is_native else again.status_code in {200, 404}
    assert isinstance(again.json(), dict)
    assert [file["name"] for file in backend.gateway.get("/files")["files"]] == ["other.gcode"]


def test_the_camera_moves(backend: Backend) -> None:
    if backend.name in {"octoprint", "moonraker"}:
        # OctoPrint announces one that isn't there, Moonraker none
        answer = backend.gateway.request("GET", "/camera/stream")
        assert answer.status_code in {404, 502, 503}
        problem(answer, answer.status_code, answer.json()["code"])
        return
    pictures = frames(backend.gateway, 3)
    assert len(set(pictures)) > 1
    assert Image.open(io.BytesIO(pictures[0])).format == "JPEG"
    snapshot = backend.gateway.request("GET", "/camera/snapshot")
    assert snapshot.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(snapshot.content)).size[0] > 0
    known = backend.gateway.get("/camera")
    assert (known["available"], known["error"], known["source"]) == (
        True,
        None,
        "drawn" if backend.is_native else "mjpeg",
    )
    problem(backend.gateway.request("GET", "/camera/stream?fps=31"), 400, "INVALID_FPS")


def test_what_isnt_there(backend: Backend) -> None:
    problem(backend.gateway.request("GET", "/nowhere"), 404, "NOT_FOUND")
    allowed = backend.gateway.request("PATCH", "/queue")
    problem(allowed, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in allowed.headers["allow"]
    gone = backend.gateway.request("DELETE", "/queue/999999")
    assert gone.status_code == 404
    problem(backend.gateway.request("GET", "/jobs/00000000-0000-0000-0000-000000000000"), 404, "JOB_NOT_FOUND")


def test_history_is_a_list(backend: Backend) -> None:
    assert isinstance(backend.gateway.get("/jobs/history?limit=5"), list)
    answer = backend.gateway.request("GET", "/jobs/history?limit=-1")
    assert answer.status_code == 400
    assert answer.json()["field"] == "limit"
