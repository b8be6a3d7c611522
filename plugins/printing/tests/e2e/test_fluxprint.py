"""The fluxprint backend: what passes through unchanged, what is recorded on the way, what FluxPrint's failures do."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from plugins.printing.tests.e2e.backends import SHORT, frames
from plugins.printing.tests.e2e.bad_uploads import BAD_CONTENTS, BAD_NAMES, LIMITS, bad_forms, form, named, send
from tests.support.fluxprint import FluxPrint, Seen, running_fluxprint
from tests.support.plain import NO_AUTHORITIES
from tests.support.printing_gateway import UPLOAD, PrintingGateway, ok, problem, wait_for
from tests.support.relay import relay_to

pytestmark = pytest.mark.xdist_group("printing-fluxprint")

QUICK = """
[plugins.printing]
backend = "fluxprint"
[plugins.printing.fluxprint]
timeout = 0.5
upload_timeout = 1.0
breaker_failures = 0
"""


@pytest.fixture(scope="module")
def service() -> Iterator[FluxPrint]:
    with running_fluxprint() as fluxprint:
        yield fluxprint


@pytest.fixture(scope="module")
def running(service: FluxPrint) -> Iterator[PrintingGateway]:
    with PrintingGateway(QUICK + LIMITS, FLUXPRINT_SERVICE_URL=service.url) as gateway:
        yield gateway


@pytest.fixture
def fluxprint(service: FluxPrint) -> FluxPrint:
    service.reset()
    return service


@pytest.fixture
def gateway(running: PrintingGateway, fluxprint: FluxPrint) -> PrintingGateway:
    return running


def last(fluxprint: FluxPrint) -> Seen:
    return fluxprint.requests("/api")[-1]


@pytest.mark.parametrize(
    ("method", "path", "upstream_method", "upstream"),
    [
        ("GET", "/status", "GET", "/api/printer/status"),
        ("GET", "/job", "GET", "/api/job"),
        ("GET", "/queue", "GET", "/api/queue"),
        ("GET", "/files", "GET", "/api/files"),
        ("GET", "/temperature", "GET", "/api/printer/temperature"),
        ("GET", "/status?t=1&x=%2F%20a", "GET", "/api/printer/status?t=1&x=%2F%20a"),
        ("DELETE", "/queue", "DELETE", "/api/queue"),
        ("DELETE", "/queue/17", "DELETE", "/api/queue/17"),
        ("POST", "/queue/17/start", "POST", "/api/queue/17/start"),
        ("PUT", "/queue/reorder", "POST", "/api/queue/reorder"),
        ("POST", "/queue/reorder", "POST", "/api/queue/reorder"),
        ("DELETE", "/files/W%C3%BCrfel%20a.gcode", "DELETE", "/api/files/W%C3%BCrfel%20a.gcode"),
    ],
)
def test_path_for_path(
    gateway: PrintingGateway, fluxprint: FluxPrint, method: str, path: str, upstream_method: str, upstream: str
) -> None:
    body = json.dumps({"items": [], "n": 1}, indent=2).encode() if "reorder" in path else b""
    headers = {"content-type": "application/json", "cookie": "session=secret", "authorization": "Bearer secret"}
    answer = gateway.request(method, path, content=body, headers=headers)
    seen = last(fluxprint)
    assert (seen.method, seen.target) == (upstream_method, upstream)
    assert (seen.body_length, seen.body_sha256) == (len(body), hashlib.sha256(body).hexdigest())
    names = {name.lower() for name, _ in seen.headers}
    assert not names & {"cookie", "authorization"}
    assert {"x-forwarded-for", "x-request-id"} <= names
    direct = httpx.request(
        method if method != "PUT" else "POST", fluxprint.url + upstream, content=body, verify=NO_AUTHORITIES
    )
    assert answer.status_code == direct.status_code
    assert answer.headers["content-type"] == direct.headers["content-type"]


def nothing_uploaded(gateway: PrintingGateway) -> bool:
    return gateway.get("/files")["files"] == [] and gateway.get("/queue")["items"] == []


@pytest.mark.parametrize(("name", "status", "code"), BAD_NAMES)
def test_a_bad_name_never_gets_to_fluxprint(
    gateway: PrintingGateway, fluxprint: FluxPrint, name: str, status: int, code: str
) -> None:
    problem(send(gateway, form((named("good.gcode"), SHORT), (named(name), SHORT))), status, code, "files")
    assert nothing_uploaded(gateway)


@pytest.mark.parametrize(("content", "status", "code"), BAD_CONTENTS)
def test_a_bad_content_never_gets_to_fluxprint(
    gateway: PrintingGateway, fluxprint: FluxPrint, content: bytes, status: int, code: str
) -> None:
    problem(send(gateway, form((named("good.gcode"), SHORT), (named("bad.gcode"), content))), status, code, "files")
    assert nothing_uploaded(gateway)


def test_bad_forms_never_get_to_fluxprint(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    for body, status, code in bad_forms():
        problem(send(gateway, body), status, code)
    problem(gateway.request("POST", UPLOAD, json={"a": 1}), 415, "UNSUPPORTED_MEDIA_TYPE", "content-type")
    problem(gateway.request("POST", UPLOAD), 415, "UNSUPPORTED_MEDIA_TYPE", "content-type")
    assert nothing_uploaded(gateway)


def test_a_job_is_recorded(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    body = {"filename": "Größe.gcode", "print": True, "config": {"infill": 0}, "material": "PLA"}
    answer = gateway.request("POST", "/queue", json=body)
    assert answer.status_code == 201
    queue_id = ok(answer)["queue_id"]
    assert json.loads(last(fluxprint).body.encode("latin-1")) == body
    row = gateway.job(queue_id)
    assert (row["file_name"], row["status"]) == ("Größe.gcode", "queued")
    assert json.loads(row["print_settings"])["infill"] == 0
    assert json.loads(row["metadata"])["source"] == "queue"


def test_an_upload_is_recorded(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    answer = gateway.upload("up.gcode", SHORT * 50, print="true")
    queue_id = answer["files"]["up.gcode"]["queue_id"]
    assert answer["files"]["up.gcode"]["sha256"] == hashlib.sha256(SHORT * 50).hexdigest()
    assert gateway.job(queue_id)["file_name"] == "up.gcode"
    before = len(gateway.rows("SELECT id FROM print_jobs"))
    gateway.upload("only.gcode", SHORT)
    assert len(gateway.rows("SELECT id FROM print_jobs")) == before


def test_a_refused_job_isnt_recorded(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    before = len(gateway.rows("SELECT id FROM print_jobs"))
    assert gateway.request("POST", "/queue", json={"nothing": 1}).status_code == 400
    fluxprint.fault("error_500", path="/api/queue")
    assert gateway.request("POST", "/queue", json={"filename": "a.gcode"}).status_code == 500
    assert len(gateway.rows("SELECT id FROM print_jobs")) == before


def test_a_client_that_leaves_at_once_is_recorded_too(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    name = f"gone-{time.monotonic_ns()}.gcode"
    body = json.dumps({"filename": name}).encode()
    address = urlsplit(gateway.url)
    fluxprint.fault("slow_headers", path="/api/queue", times=1, delay=0.3)
    with socket.create_connection((address.hostname or "", address.port or 0)) as client:
        head = "POST /api/printing/queue HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        wait_for(lambda: fluxprint.requests("/api/queue"), what="FluxPrint has the request")
    wait_for(lambda: gateway.rows(f"SELECT * FROM print_jobs WHERE file_name = '{name}'"), what="the job's row")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("slow_headers", 504, "PRINTING_SERVICE_TIMEOUT"),
        ("silent", 504, "PRINTING_SERVICE_TIMEOUT"),
        ("dead", 503, "PRINTING_SERVICE_UNAVAILABLE"),
        ("garbage", 502, "PRINTING_SERVICE_MALFORMED"),
    ],
)
def test_failures(gateway: PrintingGateway, fluxprint: FluxPrint, fault: str, status: int, code: str) -> None:
    fluxprint.fault(fault, delay=5)
    began = time.monotonic()
    for method, path in (("GET", "/status"), ("POST", "/queue")):
        problem(
            gateway.request(method, path, **({"json": {"filename": "a"}} if method == "POST" else {})), status, code
        )
    assert time.monotonic() - began < 4
    # the rest of the gateway is unharmed
    assert gateway.client.get(f"{gateway.url}/-/health/live").is_success
    assert gateway.client.get(f"{gateway.url}/-/health/ready").is_success
    assert isinstance(gateway.get("/jobs/active"), list)
    fluxprint.fault(None)
    gateway.get("/status")


def test_health_says_that_fluxprint_is_down(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    def status() -> str:
        return str(gateway.health()["plugins"]["printing"]["checks"].get("fluxprint", {}).get("status"))

    wait_for(lambda: status() == "up", 20)
    fluxprint.fault("dead")
    wait_for(lambda: status() == "down", 20)
    fluxprint.fault(None)
    wait_for(lambda: status() == "up", 20)


def test_an_answer_that_breaks_off_is_broken_for_the_client_too(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    for fault in ("close_body", "stall_body"):
        fluxprint.fault(fault, path="/api/files")
        with pytest.raises(httpx.TransportError):
            gateway.request("GET", "/files")
    fluxprint.fault(None)
    gateway.get("/files")


def test_a_slow_upload_has_its_own_timeout(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    fluxprint.fault("slow_headers", path="/api/files/upload", delay=0.75)  # over the others' timeout, below its own
    gateway.upload("slow.gcode", SHORT)
    fluxprint.fault("slow_headers", path="/api/files/upload", delay=5)
    answer = gateway.request("POST", UPLOAD, files={"files": ("slow.gcode", SHORT)})
    problem(answer, 504, "PRINTING_SERVICE_TIMEOUT")


def test_ten_viewers_are_one_connection(gateway: PrintingGateway, fluxprint: FluxPrint) -> None:
    with ThreadPoolExecutor(10) as pool:
        watched = list(pool.map(lambda _: frames(gateway, 5), range(10)))
    assert all(len(set(pictures)) > 1 for pictures in watched)
    snapshot = gateway.request("GET", "/camera/snapshot?format=base64")
    assert snapshot.text.startswith("/9j/")
    assert len(fluxprint.requests("/api/camera")) == 1


def test_switched_off(service: FluxPrint) -> None:
    with PrintingGateway(FLUXPRINT_SERVICE_URL=service.url, FLUXPRINT_ENABLED="false") as gateway:
        for path in ("/status", "/queue", "/camera/stream", "/jobs/active"):
            problem(gateway.request("GET", path), 503, "PRINTING_SERVICE_DISABLED")
        problem(gateway.request("POST", UPLOAD, files={"files": ("a.gcode", SHORT)}), 503, "PRINTING_SERVICE_DISABLED")
        assert gateway.client.get(f"{gateway.url}/-/health/live").is_success


# -- accepted jobs outlive the database

UNRECORDED = {"FLUXGATE_AUDIT__ENABLED": "false"}
"""With the audit trail on, nothing is accepted while the database is away."""


def accept(gateway: PrintingGateway, name: str) -> int:
    answer = gateway.request("POST", "/queue", json={"filename": name})
    assert answer.status_code == 201, answer.text
    return int(ok(answer)["queue_id"])


def test_a_locked_sqlite_file_costs_no_job(fluxprint: FluxPrint) -> None:
    with PrintingGateway(FLUXPRINT_SERVICE_URL=fluxprint.url, **UNRECORDED) as gateway:
        with gateway.locked_database():
            with ThreadPoolExecutor(2) as pool:
                first, second = pool.map(lambda name: accept(gateway, name), ["one.gcode", "two.gcode"])
            assert gateway.rows("SELECT * FROM print_jobs") == []
            gateway.kill()
        gateway.start()
        rows = wait_for(lambda: len(rows := gateway.rows("SELECT * FROM print_jobs")) == 2 and rows, 30)
        assert isinstance(rows, list)
        assert {(row["fluxprint_queue_id"], row["file_name"]) for row in rows} == {
            (first, "one.gcode"),
            (second, "two.gcode"),
        }
        gateway.restart()  # nothing is written twice
        wait_for(
            lambda: gateway.health()["plugins"]["printing"]["checks"].get("accepted-jobs", {}).get("status") == "up"
        )
        assert len(gateway.rows("SELECT * FROM print_jobs")) == 2


def test_a_postgresql_that_goes_away_costs_no_job(fluxprint: FluxPrint, migrated_postgres_url: str) -> None:
    with (
        relay_to(migrated_postgres_url) as (relay, url),
        PrintingGateway(database_url=url, FLUXPRINT_SERVICE_URL=fluxprint.url, **UNRECORDED) as gateway,
    ):
        accept(gateway, "before.gcode")
        relay.cut()
        queue_id = accept(gateway, "meanwhile.gcode")
        wait_for(
            lambda: gateway.health()["plugins"]["printing"]["checks"]["accepted-jobs"]["status"] == "degraded",
            what="health says that a job waits for the database",
        )
        relay.restore()
        (row,) = wait_for(lambda: _jobs(gateway, "meanwhile.gcode"), 30)
        assert row["fluxprint_queue_id"] == queue_id


def _jobs(gateway: PrintingGateway, name: str) -> list[dict[str, Any]]:
    return gateway.rows(f"SELECT * FROM print_jobs WHERE file_name = '{name}'")
