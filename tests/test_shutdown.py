"""SIGTERM on a real process: readiness first, then what runs is finished, streams end properly, and the rest is cut."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.gateway import GatewayProcess, wait_for
from tests.support.printing_gateway import PrintingGateway
from tests.support.rawpeer import Peer, RawClient, RawUpstream, Request, request_bytes

CAMERA = "/api/printing/camera/stream"


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


@contextlib.contextmanager
def told_to_end(gateway: GatewayProcess) -> Iterator[None]:
    """A gateway that got SIGTERM just now; at the end it must have ended with 0."""
    gateway.process.send_signal(signal.SIGTERM)
    yield
    gateway.stop()


def test_readiness_fails_first_and_requests_still_pass(upstream: RawUpstream) -> None:
    gateway = GatewayProcess(upstream.url, drain_delay=4.0)
    kept = gateway.client()
    kept.send(request_bytes("GET", "/api/t/r/before"))
    kept.answer()
    with told_to_end(gateway):
        begun = time.monotonic()
        wait_for(lambda: gateway.ask("GET", "/-/health/ready").status == 503, 3, "readiness says so")
        assert gateway.json("/-/health/ready")["state"] == "stopping"
        assert gateway.ask("GET", "/-/health/live").status == 200
        assert gateway.ask("GET", "/api/t/r/meanwhile").body == b"ok"
        kept.send(request_bytes("GET", "/api/t/r/kept"))
        answer = kept.answer()
        assert (answer.body, answer.all(b"connection")) == (b"ok", [b"close"])
        assert time.monotonic() - begun < 3.8
    kept.close()


def test_without_a_delay_nothing_new_is_taken(upstream: RawUpstream) -> None:
    hold = threading.Event()

    @upstream.run("held")
    def answer_later(peer: Peer, request: Request) -> None:
        hold.wait(10)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    gateway = GatewayProcess(upstream.url)
    with gateway.client() as client:
        client.send(request_bytes("GET", "/api/t/r/held"))
        wait_for(lambda: upstream.seen["held"])
        with told_to_end(gateway):
            wait_for(lambda: not taken(gateway), 3, "the port is closed")
            hold.set()
            answer = client.answer()
            assert (answer.status, answer.body, answer.complete) == (200, b"done", True)


def taken(gateway: GatewayProcess) -> bool:
    try:
        with RawClient(gateway.port):
            return True
    except OSError:
        return False


def test_an_upload_in_flight_is_finished(upstream: RawUpstream) -> None:
    gateway = GatewayProcess(upstream.url)
    half = b"G1 X1\n" * 20_000
    with gateway.client() as client:
        head = b"POST /api/t/r/upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n"
        client.send(head % (2 * len(half)), half)
        wait_for(lambda: upstream.seen["upload"])
        with told_to_end(gateway):
            wait_for(lambda: not taken(gateway), 3)
            client.send(half)
            assert client.answer().body == b"ok"
    assert upstream.bodies["upload"] == [half + half]


@pytest.mark.parametrize("content_type", ["text/event-stream", "multipart/x-mixed-replace; boundary=b"])
def test_a_forwarded_live_stream_ends_properly_and_soon(upstream: RawUpstream, content_type: str) -> None:
    @upstream.run("live")
    def go_on(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % content_type.encode())
        peer.send(b"3\r\none\r\n")
        peer.wait_end()

    gateway = GatewayProcess(upstream.url, shutdown_timeout=60)
    with gateway.client() as client:
        client.send(request_bytes("GET", "/api/t/r/live"))
        seen = b""
        while b"one" not in seen:
            seen += client.read_some()
        begun = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        assert client.read_to_end().endswith(b"0\r\n\r\n")
        assert gateway.process.wait(20) == 0
        assert time.monotonic() - begun < 20
    assert "cut short" not in gateway.log
    gateway.stop()


def test_a_hanging_upstream_is_cut_at_the_deadline_and_the_log_says_so(upstream: RawUpstream) -> None:
    gateway = GatewayProcess(upstream.url, shutdown_timeout=1)
    upstream.run("hangs")(lambda peer, request: peer.wait_end())
    with gateway.client() as client:
        client.send(request_bytes("GET", "/api/t/r/hangs"))
        wait_for(lambda: upstream.seen["hangs"])
        begun = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        answer = client.answer()
        assert (answer.status, answer.all(b"connection")) == (503, [b"close"])
        assert json.loads(answer.body)["code"] == "SHUTTING_DOWN"
        assert client.read_to_end() == b""
        assert 0.9 < time.monotonic() - begun < 10
        gateway.logged("/api/t/r/hangs was cut short by the end of the server")
        gateway.stop()


def test_a_second_signal_ends_it_at_once(upstream: RawUpstream) -> None:
    gateway = GatewayProcess(upstream.url, shutdown_timeout=60, drain_delay=60)
    upstream.run("hangs")(lambda peer, request: peer.wait_end())
    with gateway.client() as client:
        client.send(request_bytes("GET", "/api/t/r/hangs"))
        wait_for(lambda: upstream.seen["hangs"])
        gateway.process.send_signal(signal.SIGTERM)
        wait_for(lambda: gateway.json("/-/health/ready")["state"] == "stopping")
        begun = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(10) == 0
        assert time.monotonic() - begun < 5
    gateway.stop()


def test_a_cameras_viewers_see_a_proper_end() -> None:
    with PrintingGateway('[auth]\nallowed_hosts = ["*"]\n[plugins.printing]\nbackend = "native"\n') as gateway:
        port = int(gateway.url.rpartition(":")[2])
        with RawClient(port) as viewer, RawClient(port) as stalled, RawClient(port) as older:
            viewer.send(request_bytes("GET", CAMERA))
            older.send(b"GET %b HTTP/1.0\r\nHost: a.test\r\n\r\n" % CAMERA.encode())
            stalled.send(request_bytes("GET", CAMERA))
            wait_for(lambda: gateway.health()["plugins"]["printing"]["status"] == "active")
            first = viewer.read_some()
            assert first.startswith(b"HTTP/1.1 200")
            assert gateway.process is not None
            begun = time.monotonic()
            gateway.process.send_signal(signal.SIGTERM)
            assert viewer.read_to_end().endswith(b"0\r\n\r\n")
            assert older.read_to_end()
            assert gateway.process.wait(10) == 0
            assert time.monotonic() - begun < 6
        assert "cut short" not in gateway.log
        gateway.process = None
