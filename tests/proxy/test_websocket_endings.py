"""Rule 17: however a relayed WebSocket ends, both ends are told as well as they can be, and nothing of it is left."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fluxgate.errors import ForbiddenError, ProblemError
from fluxgate.plugin import CheckResult, HealthCheck, PluginSpec
from fluxgate.policy import PUBLIC
from fluxgate.proxy import Upstream, WebSocketRoute
from fluxgate.testing import plugin_record, serving_gateway
from fluxgate.types import Scope
from tests.support.gateway import GatewayProcess, wait_for
from tests.support.rawpeer import Peer, RawClient, RawUpstream, Request
from tests.support.websocket import (
    CLOSE,
    TEXT,
    Frame,
    agreed,
    close_payload,
    connected,
    frame,
    frames_in,
    handshake,
    next_frame,
    says_goodbye,
)
from tests.support.websocket_server import WebSocketServer

GOING_AWAY = close_payload(1001)
INTERNAL_ERROR = close_payload(1011)
HELLO = frame(b"hello", masked=False)


def goodbye(data: bytes) -> Frame:
    """The only frame that came, a close frame."""
    (one,) = frames_in(data)
    assert one.opcode == CLOSE
    return one


def serve(upstream: RawUpstream, key: str, *pieces: bytes) -> None:
    """Agree, send these pieces, and read to the end or to a close frame."""

    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        peer.send(agreed(request), *pieces)
        leave_in_turn(peer)


def leave_in_turn(peer: Peer) -> None:
    """Read until the gateway has said goodbye, or left."""
    peer.received.clear()
    while peer.more():
        if says_goodbye(peer.received):
            peer.close()
            peer.ended.set()
            return


def peer_of(upstream: RawUpstream, key: str) -> Peer:
    return next(peer for peer in upstream.peers if peer.requests[-1:] == upstream.seen[key][-1:])


# -- the gateway ends


@contextlib.contextmanager
def stopping(upstream: RawUpstream) -> Iterator[GatewayProcess]:
    """A gateway that is told to end when the context is left, and must end with 0 in good time."""
    gateway = GatewayProcess(upstream.url, shutdown_timeout=12)
    try:
        yield gateway
    finally:
        begun = time.monotonic()
        gateway.stop()
    assert time.monotonic() - begun < 10, "nothing had to be cut off"


def test_sigterm_says_1001_to_both_ends(upstream: RawUpstream, key: str) -> None:
    serve(upstream, key, HELLO)
    clients: list[RawClient] = []
    unread = bytearray()
    with stopping(upstream) as gateway:
        for _ in range(3):
            client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
            assert next_frame(client, unread).payload == b"hello"
            clients.append(client)
        answering = threading.Thread(target=_say_goodbye, args=(clients[0],))
        answering.start()
    for client in clients[1:]:
        assert goodbye(client.read_to_end()).payload.startswith(GOING_AWAY)
    answering.join(5)
    assert not answering.is_alive()
    for client in clients:
        client.close()
    peers = [peer for peer in upstream.peers if peer.requests and peer.requests[-1] in upstream.seen[key]]
    assert len(peers) == 3
    for peer in peers:
        assert peer.ended.wait(5)
        one = goodbye(bytes(peer.received))
        assert one.masked
        assert one.payload.startswith(GOING_AWAY)


def _say_goodbye(client: RawClient) -> None:
    assert next_frame(client, bytearray()).payload.startswith(GOING_AWAY)
    client.send(frame(GOING_AWAY, CLOSE, masked=True))
    assert client.read_to_end() == b""


def test_sigterm_in_the_middle_of_a_frame_drops_the_connection(upstream: RawUpstream, key: str) -> None:
    serve(upstream, key, frame(b"x" * 1000, masked=False)[:500])
    with stopping(upstream) as gateway:
        client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
        got = b""
        while len(got) < 500:
            got += client.read_some()
    assert client.read_to_end() == b""
    client.close()


def test_sigterm_between_a_handshake_and_its_answer(upstream: RawUpstream, key: str) -> None:
    told = threading.Event()

    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        assert told.wait(10)
        peer.send(agreed(request))
        leave_in_turn(peer)

    gateway = GatewayProcess(upstream.url, shutdown_timeout=4)
    with gateway.client() as client:
        client.send(handshake(f"/api/t/ws-raw/{key}"))
        wait_for(lambda: upstream.seen[key])
        gateway.process.send_signal(signal.SIGTERM)
        gateway.logged("Shutting down")
        told.set()
        assert client.answer().status == 101
        _say_goodbye(client)
    gateway.stop()


def test_sigterm_cuts_off_who_never_answers(upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        peer.send(agreed(request))
        peer.wait_end()

    gateway = GatewayProcess(upstream.url, shutdown_timeout=0)
    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    gateway.stop()
    with client:
        assert goodbye(client.read_to_end()).payload.startswith(GOING_AWAY)


# -- nothing passes


def test_silence_ends_it_with_1001_on_both_sides(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    serve(upstream, key)
    begun = time.monotonic()
    client, _ = connected(gateway, f"/api/t/ws-idle/{key}")
    with client:
        unread = bytearray()
        one = next_frame(client, unread)
        assert time.monotonic() - begun >= 0.6
        assert (one.opcode, one.payload) == (CLOSE, GOING_AWAY + b"nothing came for too long")
        client.send(frame(GOING_AWAY, CLOSE, masked=True))
        assert client.read_to_end() == b""
    peer = peer_of(upstream, key)
    assert peer.ended.wait(5)
    assert goodbye(bytes(peer.received)) == Frame(CLOSE, one.payload, masked=True)


@pytest.mark.parametrize("talker", ["client", "upstream"])
def test_who_talks_is_not_silent(gateway: GatewayProcess, upstream: RawUpstream, key: str, talker: str) -> None:
    stop = threading.Event()

    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        peer.send(agreed(request))
        while talker == "upstream" and not stop.wait(0.1):
            peer.send(HELLO)
        peer.received.clear()
        peer.wait_end()

    client, _ = connected(gateway, f"/api/t/ws-idle/{key}")
    with client:
        client.sock.settimeout(0.1)
        end = time.monotonic() + 1.3
        while time.monotonic() < end:
            if talker == "client":
                client.send(frame(b"still", masked=True))
            with contextlib.suppress(TimeoutError):
                assert {one.opcode for one in frames_in(client.read_some())} == {TEXT}
        stop.set()


# -- the upstream ends


def test_an_upstream_that_dies_is_1011_to_the_client(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    seen = threading.Event()

    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        # Between the fragments of a message a close frame may stand.
        peer.send(agreed(request), frame(b"a", masked=False, final=False))
        assert seen.wait(10)
        peer.reset()

    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    with client:
        unread = bytearray()
        assert next_frame(client, unread).payload == b"a"
        seen.set()
        one = next_frame(client, unread)
        assert (one.opcode, one.payload) == (CLOSE, INTERNAL_ERROR + b"the service ended the connection")
        client.send(frame(INTERNAL_ERROR, CLOSE, masked=True))
        assert client.read_to_end() == b""
    assert "101 broken" in gateway.logged(f"GET /api/t/ws-raw/{key}")
    assert "died without a close frame" in gateway.logged("WebSocket /ws-raw/{key}")


def test_a_server_process_that_is_killed(gateway: GatewayProcess) -> None:
    with WebSocketServer() as server:
        spec = PluginSpec(
            title="t",
            version="1",
            upstreams=(Upstream(name="u", url=server.url),),
            websockets=(WebSocketRoute(policy=PUBLIC, path="/{key}", upstream="u", upstream_path="/{key}"),),
        )
        with serving_gateway(plugin_record(spec, "t")) as serving:
            with connect(serving.url.replace("http", "ws") + "/api/t/echo", proxy=None) as client:
                client.send("hello")
                assert client.recv() == "hello"
                server.kill()
                with pytest.raises(ConnectionClosed):
                    client.recv()
                assert client.close_code == 1011
            refused = RawClient(int(serving.url.rpartition(":")[2]))
            refused.send(handshake("/api/t/echo"))
            assert refused.answer().status == 502
            refused.close()


@pytest.mark.parametrize("reset", [True, False])
def test_an_upstream_that_dies_in_the_middle_of_a_frame(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, reset: bool
) -> None:
    part = frame(b"x" * 1000, masked=False)[:500]
    seen = threading.Event()

    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        peer.send(agreed(request), part)
        assert seen.wait(10)
        if reset:
            peer.reset()
        else:
            peer.close()

    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    with client:
        got = b""
        while len(got) < len(part):
            got += client.read_some()
        seen.set()
        assert got + client.read_to_end() == part, "no frame of ours inside a frame of theirs"


def test_an_upstream_that_says_goodbye_and_leaves(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    end = frame(close_payload(1013, b"later"), CLOSE, masked=False)

    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        peer.send(agreed(request), HELLO + end)
        peer.close()

    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    with client:
        unread = bytearray()
        assert [next_frame(client, unread).opcode for _ in range(2)] == [TEXT, CLOSE]
        client.send(frame(close_payload(1013), CLOSE, masked=True))
        assert client.read_to_end() == b""
        assert not client.was_reset
    assert " broken " not in gateway.logged(f"GET /api/t/ws-raw/{key}")


def test_a_client_that_never_says_goodbye_is_dropped(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        peer.send(agreed(request), frame(close_payload(1000), CLOSE, masked=False))
        peer.close()

    begun = time.monotonic()
    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    with client:
        assert goodbye(client.read_to_end()).payload == close_payload(1000)
        assert 1 < time.monotonic() - begun < 5


# -- the client ends


@pytest.mark.parametrize("reset", [True, False])
def test_a_client_that_vanishes_ends_the_upstreams_connection(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, reset: bool
) -> None:
    serve(upstream, key, HELLO)
    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    assert next_frame(client, bytearray()).payload == b"hello"
    last = frame(b"last words", masked=True)
    client.send(last)
    peer = peer_of(upstream, key)
    wait_for(lambda: bytes(peer.received) == last)
    begun = time.monotonic()
    if reset:
        client.reset()
    else:
        client.close()
    assert peer.ended.wait(5)
    assert time.monotonic() - begun < 1.8
    assert bytes(peer.received) == last, "nobody said goodbye"
    assert " 101 " in gateway.logged(f"GET /api/t/ws-raw/{key}")


def test_a_client_that_leaves_before_the_answer(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        peer.wait_end()

    with gateway.client() as client:
        client.send(handshake(f"/api/t/ws-raw/{key}"))
        wait_for(lambda: upstream.seen[key])
    assert peer_of(upstream, key).ended.wait(5)
    assert " 499 " in gateway.logged(f"GET /api/t/ws-raw/{key}")


def test_a_client_may_half_close_after_its_goodbye(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def script(peer: Peer, request: Request) -> None:
        peer.send(agreed(request))
        peer.received.clear()
        assert peer.more()
        peer.send(frame(close_payload(1000), CLOSE, masked=False))
        peer.close()

    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    with client:
        client.send(frame(close_payload(1000), CLOSE, masked=True))
        client.sock.shutdown(socket.SHUT_WR)
        assert goodbye(client.read_to_end()).payload == close_payload(1000)


def test_a_thousand_that_connect_and_leave_leave_nothing(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    serve(upstream, "crowd", HELLO)
    chance = random.Random(17)
    gateway.ask("GET", "/-/health/live")
    before = gateway.descriptors()
    open_ones: list[RawClient] = []
    for number in range(1000):
        client = gateway.client()
        client.send(handshake("/api/t/ws-raw/crowd")[: 60 if number % 5 == 0 else None])
        if number % 5 == 1:
            client.send(frame(b"x" * 5000, masked=True))
        if number % 5 == 2:
            assert client.answer().status == 101
        if number % 5 == 3:
            assert client.answer().status == 101
            client.send(frame(close_payload(1000), CLOSE, masked=True))
        open_ones.append(client)
        if len(open_ones) > chance.randrange(30):
            for one in open_ones:
                if chance.random() < 0.5:
                    one.reset()
                else:
                    one.close()
            open_ones.clear()
    for one in open_ones:
        one.close()
    wait_for(lambda: gateway.pool("raw")["in_use"] == 0)
    wait_for(lambda: gateway.descriptors() <= before + 2)
    client, _ = connected(gateway, "/api/t/ws/echo")
    client.close()


# -- before anything is relayed


def test_a_plugin_in_quarantine_and_a_gate_come_first(upstream: RawUpstream, key: str) -> None:
    async def down() -> CheckResult:
        return CheckResult(status="down")

    def gate(scope: Scope) -> ProblemError | None:
        return ForbiddenError("Not today.", code="NOT_TODAY")

    upstreams = (Upstream(name="u", url=upstream.url),)
    sockets = (WebSocketRoute(policy=PUBLIC, path="/ws", upstream="u", upstream_path=f"/{key}"),)
    ill = PluginSpec(
        title="t",
        version="1",
        upstreams=upstreams,
        websockets=sockets,
        health_checks=(HealthCheck(name="it", check=down, critical=True),),
    )
    gated = PluginSpec(title="t", version="1", upstreams=upstreams, websockets=sockets, health_gates=(gate,))
    with serving_gateway(plugin_record(ill, "ill"), plugin_record(gated, "gated"), strict=False) as serving:
        port = int(serving.url.rpartition(":")[2])
        for name, status, code in (("ill", 503, "PLUGIN_QUARANTINED"), ("gated", 403, "NOT_TODAY")):
            with RawClient(port) as client:
                client.send(handshake(f"/api/{name}/ws"))
                answer = client.answer()
                assert (answer.status, f'"code":"{code}"' in answer.text) == (status, True)
    assert upstream.seen[key] == []
