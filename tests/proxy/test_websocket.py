"""Rule 17: a relayed WebSocket is the one that both ends would have had without a gateway between them. Against a real
server, by a real client, and on raw sockets."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from fluxgate.plugin import PluginSpec
from fluxgate.policy import PUBLIC
from fluxgate.proxy import TLSOptions, Upstream, WebSocketRoute
from fluxgate.testing import plugin_record, serving_gateway
from tests.support.gateway import MIB, GatewayProcess, MemoryWatch, wait_for
from tests.support.rawpeer import Peer, RawUpstream, Request
from tests.support.websocket import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    Frame,
    agreed,
    close_payload,
    connected,
    frame,
    frames_in,
    handshake,
    next_frame,
)
from tests.support.websocket_server import WebSocketServer


def dial(gateway: GatewayProcess, target: str, **options: object) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{gateway.port}{target}", max_size=None, proxy=None, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_come_back_as_they_went(gateway: GatewayProcess, compression: str | None) -> None:
    with dial(gateway, "/api/t/ws/echo", compression=compression) as socket:
        extensions = socket.response.headers.get("Sec-WebSocket-Extensions", "") if socket.response else ""
        assert ("permessage-deflate" in extensions) == (compression is not None)
        for message in ("", "text ✓", b"", b"\x00\xff", "x" * 125, "x" * 126, b"y" * 65535, b"y" * 65536):
            socket.send(message)
            assert socket.recv() == message
        socket.send(["a ", "message ", "in ", "fragments"])
        assert socket.recv() == "a message in fragments"
        large = os.urandom(5 * MIB)
        socket.send(large)
        assert socket.recv() == large


def test_frames_pass_byte_for_byte_both_ways(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    served = b"".join(
        (
            frame(b"first ", TEXT, masked=False, final=False),
            frame(b"are you there", PING, masked=False),
            frame(b"last", 0, masked=False),
            b"\xc2\x00",  # a frame with an extension's bit
        )
    )
    asked = frame(b"hello", TEXT, masked=True, final=False) + frame(b"x" * 70_000, 0, masked=True)

    @upstream.run(key)
    def answer(peer: Peer, request: Request) -> None:
        peer.send(agreed(request))
        peer.received.clear()
        while len(peer.received) < len(asked) and peer.more():
            pass
        peer.send(*(served[at : at + 1] for at in range(len(served))))
        peer.wait_end()

    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    with client:
        client.send(asked[:3], asked[3:40_000], asked[40_000:])
        got = b""
        while len(got) < len(served):
            got += client.read_some()
        assert got == served
    peer = next(peer for peer in upstream.peers if peer.requests[-1:] == upstream.seen[key])
    assert bytes(peer.received) == asked


def test_what_comes_right_behind_either_handshake_is_relayed(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    eager = frame(b"e" * 30_000, BINARY, masked=True)
    greeting = frame(b"g" * 300_000, BINARY, masked=False)
    got = threading.Event()

    @upstream.run(key)
    def answer(peer: Peer, request: Request) -> None:
        peer.sock.sendall(agreed(request) + greeting)
        while not peer.received.endswith(eager) and peer.more():
            pass
        got.set()
        peer.wait_end()

    client, _ = connected(gateway, f"/api/t/ws-raw/{key}", eager)
    with client:
        assert next_frame(client, bytearray()).payload == b"g" * 300_000
        assert got.wait(10)
    whole = frame(b"in one packet", TEXT, masked=True)
    with gateway.client() as client:
        client.send(handshake("/api/t/ws/echo") + whole)
        assert client.answer().status == 101
        assert next_frame(client, bytearray()).payload == b"in one packet"


@pytest.mark.parametrize("offered", [["chat.v1"], ["chat.v9", "chat.v2"], []])
def test_the_subprotocol_is_agreed_between_the_ends(gateway: GatewayProcess, offered: list[str]) -> None:
    with dial(gateway, "/api/t/ws/echo", subprotocols=offered or None) as socket:
        assert socket.subprotocol == (offered[-1] if offered else None)


def test_the_servers_close_code_and_reason_reach_the_client(gateway: GatewayProcess) -> None:
    with dial(gateway, "/api/t/ws/close-4001") as socket:
        with pytest.raises(ConnectionClosedError):
            socket.recv()
        assert (socket.close_code, socket.close_reason) == (4001, "as asked")
    with dial(gateway, "/api/t/ws/close-1000") as socket, pytest.raises(ConnectionClosedOK):
        socket.recv()


def test_the_clients_close_code_and_reason_reach_the_server(gateway: GatewayProcess) -> None:
    with dial(gateway, "/api/t/ws/echo") as socket:
        socket.close(4242, "enough")
    assert socket.close_code == 4242, "as the server repeated it"

    def said() -> object:
        with dial(gateway, "/api/t/ws/said") as asking:
            return json.loads(asking.recv())

    wait_for(lambda: said() == [4242, "enough"])


def test_pings_and_pongs_pass_both_ways(gateway: GatewayProcess) -> None:
    with dial(gateway, "/api/t/ws/ping") as socket:
        assert socket.recv() == "it is", "the server's ping was answered"
        assert socket.ping(b"mine").wait(10)


def test_the_upstream_sees_the_routes_header_rules(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    @upstream.run(key)
    def answer(peer: Peer, request: Request) -> None:
        peer.send(agreed(request, b"Set-Cookie: a=1", b"X-Named: secret", b"Connection: X-Named"))
        peer.wait_end()

    fields = (
        "Cookie: session=1",
        "Authorization: Bearer a",
        "X-Api-Key: k",
        "X-Forwarded-For: 6.6.6.6",
        "X-Remote-User: root",
        "Connection: X-Hop, Sec-WebSocket-Key",
        "X-Hop: 1",
        "X-Kept: 1",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    )
    with gateway.client() as client:
        client.send(handshake(f"/api/t/ws-raw/{key}?a=1&b=%2F", {}, *fields))
        answered = client.answer()
    assert answered.status == 101
    request = upstream.request(key)
    assert (request.method, request.target) == (b"GET", f"/ws-raw/{key}?a=1&b=%2F".encode())
    for name in (b"cookie", b"authorization", b"x-api-key", b"x-remote-user", b"x-hop", b"content-length"):
        assert request.all(name) == [], name
    for name, value in (
        (b"connection", b"upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"),
        (b"host", upstream.url.removeprefix("http://").encode()),
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-host", b"gateway.test"),
        (b"x-kept", b"1"),
        (b"via", b"1.1 fluxgate"),
        (b"x-request-id", answered.all(b"x-request-id")[0]),
    ):
        assert request.all(name) == [value], name
    assert answered.all(b"set-cookie") == [b"a=1"]
    assert answered.all(b"x-named") == []
    assert answered.all(b"connection") == [b"upgrade"]
    assert answered.all(b"upgrade") == [b"websocket"]
    for name in (b"content-length", b"transfer-encoding"):
        assert answered.all(name) == []


def test_a_route_may_forward_credentials_and_leave_compression_out(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    for key in ("creds", "plain"):

        @upstream.run(key)
        def answer(peer: Peer, request: Request) -> None:
            peer.send(agreed(request))
            peer.wait_end()

    with gateway.client() as client:
        client.send(handshake("/api/t/ws-credentials/creds", {"Cookie": "session=1"}))
        assert client.answer().status == 101
    assert upstream.request("creds").all(b"cookie") == [b"session=1"]
    with gateway.client() as client:
        client.send(handshake("/api/t/ws-plain/plain", {"Sec-WebSocket-Extensions": "permessage-deflate"}))
        assert client.answer().status == 101
    assert upstream.request("plain").all(b"sec-websocket-extensions") == []


def test_a_reader_that_is_slow_holds_little_memory(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    stalled = threading.Event()
    piece = frame(b"x" * 65_536, BINARY, masked=False)
    sent = 0

    @upstream.run(key)
    def answer(peer: Peer, request: Request) -> None:
        nonlocal sent
        peer.send(agreed(request))
        peer.sock.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while sent < 200 * MIB:
                sent += peer.sock.send(piece[sent % len(piece) :])
        stalled.set()
        peer.sock.settimeout(10)
        peer.send(piece[sent % len(piece) :], frame(close_payload(1000), CLOSE, masked=False))
        peer.close()

    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    with client, MemoryWatch(gateway) as memory:
        assert stalled.wait(20)
        assert sent < 200 * MIB
        # What was on its way when the upstream said goodbye comes all the same.
        unread = bytearray()
        got = 0
        while (one := next_frame(client, unread)).opcode != CLOSE:
            assert one.payload == b"x" * 65_536
            got += len(piece)
    assert memory.growth < 8 * MIB
    assert got >= sent


def test_an_upstream_that_is_slow_to_read_holds_back_the_client(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    go_on = threading.Event()

    @upstream.run(key)
    def answer(peer: Peer, request: Request) -> None:
        peer.send(agreed(request))
        assert go_on.wait(20)
        peer.received.clear()
        peer.wait_end()

    client, _ = connected(gateway, f"/api/t/ws-raw/{key}")
    piece = frame(b"x" * 65_536, BINARY, masked=True)
    with client, MemoryWatch(gateway) as memory:
        client.sock.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 200 * MIB:
                sent += client.sock.send(piece[sent % len(piece) :])
        assert sent < 200 * MIB
        go_on.set()
        client.sock.settimeout(10)
        client.send(piece[sent % len(piece) :], piece)
    assert memory.growth < 8 * MIB
    peer = next(peer for peer in upstream.peers if peer.requests[-1:] == upstream.seen[key])
    assert peer.ended.wait(10)
    assert len(peer.received) % len(piece) == 0
    assert {frame.payload for frame in frames_in(bytes(peer.received))} == {b"x" * 65_536}


def test_relays_take_no_slot_of_the_pool(gateway: GatewayProcess, sockets: WebSocketServer) -> None:
    """The upstream `sockets` has one connection in its pool."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(dial(gateway, "/api/t/ws/echo")) for _ in range(5)]
        assert gateway.pool("sockets") == {
            "in_use": 5,
            "idle": 0,
            "waiting": 0,
            "max_connections": 1,
            "circuit": "closed",
            "is_down": False,
        }
        for socket in held:
            socket.send("still here")
            assert socket.recv() == "still here"
    wait_for(lambda: gateway.pool("sockets")["in_use"] == 0)


def test_a_route_has_its_own_limit(gateway: GatewayProcess) -> None:
    with dial(gateway, "/api/t/ws-few/echo"), dial(gateway, "/api/t/ws-few/echo"):
        answer = gateway.raw(handshake("/api/t/ws-few/echo"))
        assert (answer.status, answer.all(b"retry-after")) == (503, [b"1"])
        assert '"code":"UPSTREAM_BUSY"' in answer.text
        with dial(gateway, "/api/t/ws/echo"):
            pass

    def one_more() -> bool:
        return gateway.raw(handshake("/api/t/ws-few/echo")).status == 101

    wait_for(one_more)


def test_the_access_log_has_one_line_at_the_end(gateway: GatewayProcess, key: str) -> None:
    client, _ = connected(gateway, f"/api/t/ws/{key}")
    with client:
        client.send(frame(b"x" * 100, masked=True))
        assert next_frame(client, bytearray()).payload == b"x" * 100
        client.send(frame(close_payload(1000), CLOSE, masked=True))
        assert frames_in(client.read_to_end()) == [Frame(CLOSE, close_payload(1000), masked=False)]
    line = gateway.logged(f"/api/t/ws/{key}")
    assert f"GET /api/t/ws/{key} 101 106B " in line, line
    assert "route=/api/t/ws/{key}" in line
    assert gateway.log.count(f"/api/t/ws/{key} ") == 1


def test_an_upstream_behind_tls(tmp_path: Path) -> None:
    certificate, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(private), "-out", str(certificate), "-days", "2", "-subj", "/CN=socket.test"]
    command += ["-addext", "subjectAltName=DNS:socket.test"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private)

    def greet(connection: ServerConnection) -> None:
        connection.send(b"g" * 300_000)
        for message in connection:
            connection.send(message)

    with serve(greet, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        url = f"https://127.0.0.1:{server.socket.getsockname()[1]}"
        upstream = Upstream(name="u", url=url, tls=TLSOptions(ca_file=certificate, server_name="socket.test"))
        route = WebSocketRoute(policy=PUBLIC, path="/ws", upstream="u", upstream_path="/")
        spec = PluginSpec(title="t", version="1", upstreams=(upstream,), websockets=(route,))
        with serving_gateway(plugin_record(spec, "t")) as gateway:
            address = gateway.url.replace("http", "ws") + "/api/t/ws"
            with connect(address, max_size=None, proxy=None, compression=None) as socket:
                assert socket.recv() == b"g" * 300_000
                large = os.urandom(5 * MIB)
                socket.send(large)
                assert socket.recv() == large
            assert socket.close_code == 1000
        server.shutdown()
        serving.join()
