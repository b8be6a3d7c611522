"""The forwarded routes as declared, what is read from the exchanges, and the health of a real stand-in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from fluxgate_printing.accepted import accepted_by_queue, accepted_by_upload
from fluxgate_printing.access import Access
from fluxgate_printing.fluxprint import fluxprint_check, fluxprint_gate, fluxprint_upstream, proxy_routes
from fluxgate_printing.journal import AcceptedJob
from fluxgate_printing.settings import AccessSettings, FileSettings, FluxPrintSettings, PrintingSettings
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.principal import Principal
from fluxgate.proxy.route import Exchange, ProxyRoute
from tests.support.fluxprint import FluxPrint, running_fluxprint

pytestmark = pytest.mark.anyio

ACCESS = Access(AccessSettings(), {}, "fluxprint")


async def keep(_job: AcceptedJob) -> None:
    return None


async def pass_all(_principal: Principal, _body: bytes) -> None:
    return None


def routes(**settings: Any) -> dict[tuple[str, str], ProxyRoute]:
    declared = proxy_routes(PrintingSettings(**settings), ACCESS, keep, pass_all)
    table = {(method, route.path): route for route in declared for method in route.methods}
    assert len(table) == sum(len(route.methods) for route in declared)  # none twice
    return table


@pytest.mark.parametrize(
    ("method", "path", "upstream_method", "upstream_path"),
    [
        ("GET", "/status", "GET", "/api/printer/status"),
        ("GET", "/job", "GET", "/api/job"),
        ("GET", "/queue", "GET", "/api/queue"),
        ("POST", "/queue", "POST", "/api/queue"),
        ("GET", "/files", "GET", "/api/files"),
        ("POST", "/files/upload", "POST", "/api/files/upload"),
        ("GET", "/temperature", "GET", "/api/printer/temperature"),
        ("DELETE", "/queue", "DELETE", "/api/queue"),
        ("DELETE", "/queue/{id}", "DELETE", "/api/queue/{id}"),
        ("PUT", "/queue/reorder", "POST", "/api/queue/reorder"),
        ("POST", "/queue/reorder", "POST", "/api/queue/reorder"),
        ("POST", "/queue/{id}/start", "POST", "/api/queue/{id}/start"),
        ("DELETE", "/files/{name}", "DELETE", "/api/files/{name}"),
    ],
)
def test_each_route_goes_path_for_path(method: str, path: str, upstream_method: str, upstream_path: str) -> None:
    route = routes()[method, path]
    assert route.upstream == "fluxprint"
    assert (route.upstream_method or method, route.upstream_path) == (upstream_method, upstream_path)
    assert route.headers.credentials == "drop"


def test_limits_and_timeouts() -> None:
    table = routes(
        fluxprint=FluxPrintSettings(timeout=30, upload_timeout=60), files=FileSettings(max_bytes=1000, max_files=10)
    )
    upload = table["POST", "/files/upload"]
    assert (upload.read_timeout, upload.write_timeout) == (60, 60)
    assert 10 * 1000 < upload.max_body < 10 * 1000 + 2**21
    assert upload.capture is not None
    assert upload.capture.max_request == 0
    assert table["GET", "/status"].read_timeout is None
    upstream = fluxprint_upstream(FluxPrintSettings(url="http://printing:5001/base", timeout=30))
    assert (upstream.name, upstream.url, upstream.read_timeout) == ("fluxprint", "http://printing:5001/base", 30)
    assert upstream.failures.unreachable_status == 503
    assert fluxprint_upstream(FluxPrintSettings()).url == "http://localhost:5001"


def test_switched_off_is_503_with_its_code() -> None:
    assert fluxprint_gate(FluxPrintSettings())({}) is None
    problem = fluxprint_gate(FluxPrintSettings(enabled=False))({})
    assert problem is not None
    assert (problem.problem_status, problem.problem_code) == (503, "PRINTING_SERVICE_DISABLED")


def exchange(asked: Any, answered: Any, status: int = 201, **more: Any) -> Exchange:
    def encoded(value: Any) -> bytes | None:
        return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()

    values: dict[str, Any] = {
        "method": "POST",
        "path": "/api/printing/queue",
        "params": {},
        "request_headers": [],
        "request_body": encoded(asked),
        "status": status,
        "response_headers": [(b"content-type", b"application/json")],
        "response_body": encoded(answered),
        "request_id": "r-1",
    }
    return Exchange(**{**values, **more})


@pytest.mark.parametrize(
    ("answered", "queue_id"),
    [
        ({"queue_id": 7}, 7),
        ({"queueId": 7}, 7),
        ({"id": 7}, 7),
        ({"queue_id": "7"}, 7),
        ({"queue_id": 7.0}, 7),
        ({"queue_id": 7, "id": 9}, 7),
        ({"queue_id": True}, None),
        ({"queue_id": -1}, None),
        ({"queue_id": 2**31}, None),
        ({"queue_id": "x"}, None),
        ({"queue_id": "²"}, None),
        ({"success": True}, None),
        ([], None),
        (b"not json", None),
        (b"", None),
        (None, None),
    ],
)
def test_a_queued_job_is_accepted_whatever_its_id_looks_like(answered: Any, queue_id: int | None) -> None:
    (job,) = accepted_by_queue(exchange({"filename": "Käse.gcode", "print": True}, answered))
    assert (job.queue_id, job.file_name, job.project_id, job.source) == (queue_id, "Käse.gcode", None, "queue")
    assert job.print_settings == {"print": True}
    assert job.metadata == {"request_id": "r-1"}
    assert job.accepted_at.tzinfo is not None


def test_project_and_settings_come_from_the_request() -> None:
    asked = {"filename": "a.gcode", "projectId": "clx1", "config": {"infill": 0, "material": "PLA"}, "priority": 2}
    (job,) = accepted_by_queue(exchange(asked, {"id": 1}))
    assert job.project_id == "clx1"
    assert job.print_settings == {"infill": 0, "material": "PLA", "priority": 2}
    (job,) = accepted_by_queue(exchange({"filename": "a.gcode", "project_id": 12}, {"id": 1}))
    assert job.project_id == "12"


def test_a_refusal_is_no_job() -> None:
    assert accepted_by_queue(exchange({"filename": "a.gcode"}, {"queue_id": 1}, status=409)) == []
    assert accepted_by_queue(exchange({"filename": "a.gcode"}, {"success": False}, status=200)) == []
    assert accepted_by_upload(exchange(None, {"queue_id": 1}, status=500)) == []


def test_a_request_that_wasnt_copied_still_makes_a_job() -> None:
    (job,) = accepted_by_queue(exchange(None, {"queue_id": 3, "filename": "a.gcode"}))
    assert (job.queue_id, job.file_name) == (3, "a.gcode")
    (job,) = accepted_by_queue(exchange(None, {"queue_id": 3}))
    assert job.file_name == "unknown"


def test_what_a_database_cant_hold_is_taken_out() -> None:
    asked = {"filename": "a\x00" + "x" * 300, "config": {"no\x00tes": ["\x00", {"a": "\x00"}]}}
    (job,) = accepted_by_queue(exchange(asked, {"id": 1}))
    assert len(job.file_name) == 255
    assert "\\u0000" not in msgspec.json.encode(job).decode()


def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(b'{"queue_id": 5}')
    headers = [(b"Content-Encoding", b"gzip")]
    (job,) = accepted_by_queue(exchange({"filename": "a.gcode"}, body, response_headers=headers))
    assert job.queue_id == 5
    bomb = gzip.compress(b" " * 50_000_000)
    (job,) = accepted_by_queue(exchange({"filename": "a.gcode"}, bomb, response_headers=headers))
    assert job.queue_id is None


@pytest.mark.parametrize(
    ("answered", "jobs"),
    [
        ({"files": {"a.gcode": {"done": True}}, "done": True}, []),
        ({"files": {"a.gcode": {"queue_id": 1}, "b.gcode": {"queueId": "2"}}}, [(1, "a.gcode"), (2, "b.gcode")]),
        ({"files": {"a.gcode": {"done": True}}, "queue_id": 4}, [(4, "a.gcode")]),
        ({"files": {"a.gcode": {"queue_id": 4}}, "queue_id": 4}, [(4, "a.gcode")]),
        ({"files": {"a.gcode": {"id": 9}}, "id": 9}, []),  # ids of files, not of queued jobs
        ({"files": [{"name": "a.gcode", "queue_id": 3}]}, [(3, "a.gcode")]),
        ({"queue_id": 3, "filename": "a.gcode"}, [(3, "a.gcode")]),
        ({"files": None}, []),
        (None, []),
        (b"<html>", []),
    ],
)
def test_an_upload_makes_a_job_for_each_queue_id(answered: Any, jobs: list[tuple[int, str]]) -> None:
    found = accepted_by_upload(exchange(None, answered))
    assert [(job.queue_id, job.file_name) for job in found] == jobs
    assert {job.source for job in found} <= {"upload"}


KEYS = st.sampled_from(
    ["queue_id", "queueId", "id", "files", "filename", "project_id", "config", "print", "name", "success"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=10,
)


@given(json_values | st.binary(), json_values | st.binary())
def test_nothing_in_an_exchange_makes_it_raise(asked: Any, answered: Any) -> None:
    both = exchange(asked, answered)
    for job in [*accepted_by_queue(both), *accepted_by_upload(both)]:
        assert msgspec.json.decode(msgspec.json.encode(job), type=AcceptedJob).entry_id == job.entry_id
        assert 0 < len(job.file_name) <= 255
        assert "\x00" not in job.file_name


@pytest.mark.parametrize(
    "value",
    ["[" * depth + "]" * depth for depth in (10, 100, 300, 900, 5000, 30_000)] + ["9" * 40, "-" + "9" * 400, "1e999"],
)
def test_absurd_settings_cost_no_job(value: str) -> None:
    body = b'{"filename": "a.gcode", "config": {"x": %b}}' % value.encode()
    (job,) = accepted_by_queue(exchange(body, {"queue_id": 1}))
    assert job.queue_id == 1
    assert msgspec.json.decode(msgspec.json.encode(job), type=AcceptedJob) == job


async def test_the_captures_hand_on_every_job() -> None:
    recorded: list[AcceptedJob] = []

    async def record(job: AcceptedJob) -> None:
        recorded.append(job)

    captures = [route.capture for route in proxy_routes(PrintingSettings(), ACCESS, record, pass_all) if route.capture]
    for capture in captures:
        await capture.then(exchange({"filename": "a.gcode"}, {"files": {"b.gcode": {}}, "queue_id": 2}))
    assert [(job.source, job.file_name) for job in recorded] == [("queue", "a.gcode"), ("upload", "b.gcode")]


@pytest.fixture(scope="module")
def fluxprint() -> Iterator[FluxPrint]:
    with running_fluxprint() as fluxprint:
        yield fluxprint


async def health(fluxprint: FluxPrint) -> tuple[str, str]:
    async with httpx.AsyncClient(base_url=fluxprint.url, timeout=0.5) as client:
        result = await fluxprint_check(client)
        return result.status, result.detail


async def test_health_of_a_service_that_is_well_then_isnt(fluxprint: FluxPrint) -> None:
    assert await health(fluxprint) == ("up", "")
    fluxprint.fault("silent")
    assert await health(fluxprint) == ("down", "The printing service doesn't answer in time.")
    for fault in ("garbage", "close_after", "dead"):
        fluxprint.fault(fault)
        assert await health(fluxprint) == ("down", "The printing service can't be reached.")
    fluxprint.fault("error_500")
    assert await health(fluxprint) == ("down", "The printing service answers 500.")
    fluxprint.fault("html_200")
    assert (await health(fluxprint))[0] == "up"
    fluxprint.fault(None)
    assert await health(fluxprint) == ("up", "")


async def test_a_service_without_a_health_route_is_asked_for_its_status(fluxprint: FluxPrint) -> None:
    fluxprint.fault("not_found_404", path="/health")
    assert await health(fluxprint) == ("up", "")
    assert [seen.target for seen in fluxprint.requests()][-2:] == ["/health", "/api/printer/status"]
    fluxprint.reset()


async def test_a_real_queue_answer_is_understood(fluxprint: FluxPrint) -> None:
    fluxprint.reset()
    asked = {"filename": "Käse.gcode", "project_id": "p1"}
    async with httpx.AsyncClient(base_url=fluxprint.url) as client:
        queued = await client.post("/api/queue", json=asked)
        uploaded = await client.post(
            "/api/files/upload", files={"files": ("ü.gcode", b"G28\n")}, data={"print": "true"}
        )
    (job,) = accepted_by_queue(exchange(asked, queued.content, queued.status_code))
    assert (job.queue_id, job.file_name, job.project_id) == (1, "Käse.gcode", "p1")
    (job,) = accepted_by_upload(exchange(None, uploaded.content, uploaded.status_code))
    assert (job.queue_id, job.file_name, job.source) == (2, "ü.gcode", "upload")
