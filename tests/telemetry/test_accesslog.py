"""How requests ended, as the access log of a real process tells it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.gateway import GatewayProcess, wait_for
from tests.support.printing_gateway import PrintingGateway
from tests.support.rawpeer import OK, Peer, RawUpstream, Request, request_bytes

CAMERA = "/api/printing/camera/stream"


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()

    @server.run("half")
    def half(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        peer.wait_end()

    server.on("dies", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", end=True)
    server.run("hangs")(lambda peer, request: peer.wait_end())
    yield server
    server.close()


def line(gateway: GatewayProcess, path: str) -> str:
    """The access line of the only request for `path`."""

    def found() -> str:
        return next((line for line in gateway.log.splitlines() if f"GET {path} " in line and "B " in line), "")

    return wait_for(found, 10, path)


def test_what_the_server_cut_off_is_not_ok(upstream: RawUpstream) -> None:
    gateway = GatewayProcess(upstream.url, shutdown_timeout=1)
    with gateway.client() as waiting, gateway.client() as reading:
        waiting.send(request_bytes("GET", "/api/t/r/hangs"))
        reading.send(request_bytes("GET", "/api/t/r/half"))
        wait_for(lambda: upstream.seen["hangs"])
        assert reading.read_some().startswith(b"HTTP/1.1 200")
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(10) == 0
        assert " code=SHUTTING_DOWN" in line(gateway, "/api/t/r/hangs")
        assert " 200 cut 3B " in line(gateway, "/api/t/r/half")
    gateway.stop()


def test_who_left_and_what_broke(upstream: RawUpstream) -> None:
    with GatewayProcess(upstream.url) as gateway:
        with gateway.client() as client:
            client.send(request_bytes("GET", "/api/t/r/half"))
            assert client.read_some().startswith(b"HTTP/1.1 200")
        assert " 499 client_left 3B " in line(gateway, "/api/t/r/half")
        assert not gateway.ask("GET", "/api/t/r/dies").complete
        assert " 200 broken 3B " in line(gateway, "/api/t/r/dies")
        assert gateway.ask("GET", "/api/t/r/whole").body == OK[-2:]
        assert " 200 2B " in line(gateway, "/api/t/r/whole")
        gateway.ask("GET", "/api/t/none")
        assert " code=NOT_FOUND" in line(gateway, "/api/t/none")


def test_a_viewer_who_leaves_a_camera_has_left() -> None:
    printing = '[plugins.printing]\nbackend = "native"\n'
    configuration = f'[auth]\nallowed_hosts = ["*"]\n[gateway]\nlog_format = "json"\n{printing}'
    with PrintingGateway(configuration) as gateway:

        def entries() -> list[dict[str, Any]]:
            found = [json.loads(line) for line in gateway.log.splitlines() if '"fluxgate.access"' in line]
            return [entry for entry in found if entry["path"] == CAMERA]

        with gateway.client.stream("GET", gateway.url + CAMERA) as stream:
            next(stream.iter_raw())
        [entry] = wait_for(entries)
        assert (entry["status"], entry["outcome"]) == (200, "client_left")
        assert entry["bytes"] > 1000
