"""A change that can't be recorded isn't made; one whose end isn't known is to be seen."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from fluxgate.audit.chain import records
from fluxgate.audit.verify import verify
from fluxgate.db import Database
from fluxgate.plugin import PUBLIC, PluginSpec, StreamRoute
from fluxgate.proxy.route import ProxyRoute, Upstream
from fluxgate.settings import AuditSettings, Settings
from fluxgate.testing import ServingGateway, plugin_record, serving_gateway
from fluxgate.types import Receive, Scope, Send
from tests.audit.test_trail import settled, trail
from tests.support.postgres import in_a_loop_of_its_own
from tests.support.printing_gateway import PrintingGateway, problem, wait_for

made: list[str] = []
begun = threading.Event()
go_on = threading.Event()


async def change(scope: Scope, receive: Receive, send: Send) -> None:
    """Notes that it ran; waits where it is told to."""
    made.append(scope["query_string"].decode())
    if scope["query_string"] == b"slow":
        begun.set()
        await asyncio.to_thread(go_on.wait, 10)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
def silent_upstream() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def gateway(silent_upstream: int) -> Iterator[ServingGateway]:
    spec = PluginSpec(
        title="Tested",
        version="1",
        upstreams=(Upstream(name="silent", url=f"http://127.0.0.1:{silent_upstream}"),),
        proxy_routes=(
            ProxyRoute(
                methods=frozenset({"POST"}),
                path="/proxied",
                upstream="silent",
                upstream_path="/",
                policy=PUBLIC,
                name="proxied",
            ),
        ),
        streams=(StreamRoute(policy=PUBLIC, path="/change", app=change, methods=frozenset({"POST"}), name="change"),),
    )
    made.clear()
    begun.clear()
    go_on.clear()
    settings = Settings(audit=AuditSettings(timeout=0.5))
    with serving_gateway(plugin_record(spec, "t"), settings=settings) as gateway:
        yield gateway


@contextmanager
def locked(gateway: ServingGateway) -> Iterator[None]:
    """Nobody else can write its database."""
    connection = sqlite3.connect(gateway.gateway.settings.database.sqlite_path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def test_without_its_record_a_change_is_not_made(gateway: ServingGateway) -> None:
    url = f"{gateway.url}/api/t/change"
    assert httpx.post(f"{url}?first").status_code == 204
    settled(gateway, 2)
    with locked(gateway), ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: httpx.post(f"{url}?{n}", timeout=20), range(4)))
        for answer in answers:
            problem(answer, 503, "AUDIT_UNAVAILABLE")
            assert answer.headers["retry-after"] == "2"
        assert made == ["first"]
    assert httpx.post(f"{url}?last").status_code == 204
    assert made == ["first", "last"]
    unfinished = f"{gateway.url}/-/audit?result=unfinished"
    wait_for(lambda: not httpx.get(unfinished).json()["items"])
    found = trail(gateway)
    changed = {record.change for record in found if record.result == "done"}
    for record in found:
        # what was written too late says that nothing came of it
        if record.kind == "intent" and record.seq not in changed:
            assert [other.code for other in found if other.change == record.seq] == ["AUDIT_UNAVAILABLE"]


def test_an_outcome_is_tried_until_it_is_written(gateway: ServingGateway) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.post, f"{gateway.url}/api/t/change?slow", timeout=20)
        assert begun.wait(10)
        with locked(gateway):
            go_on.set()
            assert answer.result(5).status_code == 204
            assert [record.kind for record in trail(gateway)] == ["intent"]
            wait_for(lambda: gateway.gateway.audit._writer._failing, 15)
    assert settled(gateway, 2)[1].result == "done"


def test_a_client_that_leaves(gateway: ServingGateway) -> None:
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /api/t/proxied HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
        settled(gateway, 1)
    outcome = settled(gateway, 2)[1]
    assert (outcome.status, outcome.result) == (499, "interrupted")


def test_after_a_kill_the_change_is_unfinished() -> None:
    with PrintingGateway() as gateway:
        address = gateway.url.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1]))) as client:
            client.sendall(
                b"POST /api/printing/files/upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n"
                b"content-type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            )
            wait_for(lambda: gateway.rows("SELECT * FROM audit_records"))
            gateway.kill()
        gateway.start()
        gateway.upload("part.gcode", b"G28\n")
        unfinished = f"{gateway.url}/-/audit?result=unfinished"
        wait_for(lambda: len(gateway.client.get(unfinished).json()["items"]) == 1)
        [item] = gateway.client.get(unfinished).json()["items"]
        assert (item["seq"], item["action"], item["finished_at"]) == (1, "printing.file.upload", None)
        database = Database.from_url(gateway.database_url)
        verdict = in_a_loop_of_its_own(verify(records(database)))
        assert (verdict.fault, verdict.unfinished) == ("", (1,))
