"""`Capture`: what the upstream accepted is handed on, whatever the client does."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.proxy.test_rules_bodies import peer_of
from tests.support.gateway import GatewayProcess, wait_for
from tests.support.rawpeer import Peer, RawUpstream, Request, chunks, request_bytes

ACCEPTED = b'HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{"id": 7}'


def notes(gateway: GatewayProcess, key: str) -> list[Any]:
    found: list[Any] = gateway.json(f"/api/t/notes/{key}")
    return found


@pytest.mark.parametrize("chunked", [True, False])
def test_an_accepted_exchange_is_captured_whole(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, chunked: bool
) -> None:
    upstream.on(key, ACCEPTED)
    if chunked:
        request = request_bytes("POST", f"/api/t/captured/{key}", (("Transfer-Encoding", "chunked"),)) + chunks(
            b"start ", b"print"
        )
        answer = gateway.raw(request)
    else:
        answer = gateway.ask("POST", f"/api/t/captured/{key}", (), b"start print")
    assert answer.body == b'{"id": 7}'
    (note,) = notes(gateway, key)
    assert note["method"] == "POST"
    assert note["path"] == "/captured/{key}"
    assert note["params"] == {"key": key}
    assert (note["request_body"], note["status"], note["response_body"]) == ("start print", 201, '{"id": 7}')
    assert [note["request_id"].encode()] == answer.all(b"x-request-id")


def test_a_refused_exchange_is_not_captured(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(key, b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n")
    assert gateway.ask("POST", f"/api/t/captured/{key}", (), b"x").status == 409
    assert notes(gateway, key) == []


def test_the_end_of_the_answer_waits_for_the_capture(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    key = f"hold-{key}"
    upstream.on(key, ACCEPTED)
    with gateway.client() as client:
        client.send(request_bytes("POST", f"/api/t/captured/{key}", (), b"x"))
        got = client.read_some()
        client.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.read_some()
        assert b'{"id": 7}' not in got
        assert notes(gateway, key) == []
        gateway.ask("POST", f"/api/t/release/{key}")
        client.sock.settimeout(10)
        while b'{"id": 7}' not in got:
            got += client.read_some()
    assert len(notes(gateway, key)) == 1


@pytest.mark.parametrize("body", [b"", b"start"])
@pytest.mark.parametrize("way", ["close", "reset"])
def test_a_client_that_leaves_after_its_request_loses_nothing(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, way: str, body: bytes
) -> None:
    left = threading.Event()

    @upstream.run(key)
    def accept(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        upstream.bodies[key].append(b"")
        assert left.wait(10)
        peer.send(ACCEPTED)

    client = gateway.client()
    client.send(request_bytes("POST", f"/api/t/captured/{key}", (), body))
    wait_for(lambda: upstream.bodies[key])
    client.close() if way == "close" else client.reset()
    wait_for(lambda: gateway.ask("GET", "/-/health/live").status == 200)
    left.set()
    (note,) = wait_for(lambda: notes(gateway, key))
    assert (note["status"], note["response_body"]) == (201, '{"id": 7}')
    assert " 499 " in gateway.logged(f"POST /api/t/captured/{key} ")
    assert not peer_of(upstream, key).ended.is_set(), "the connection can be used again"


def test_a_client_that_leaves_while_the_capture_is_at_work_loses_nothing(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    key = f"hold-{key}"
    upstream.on(key, ACCEPTED)
    client = gateway.client()
    client.send(request_bytes("POST", f"/api/t/captured/{key}", (), b"x"))
    assert b"201" in client.read_some()
    client.reset()
    gateway.ask("POST", f"/api/t/release/{key}")
    wait_for(lambda: notes(gateway, key))


def test_a_client_that_leaves_in_mid_upload_cancels(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    client = gateway.client()
    client.send(request_bytes("POST", f"/api/t/captured/{key}", (("Content-Length", "10"),)), b"part")
    peer = peer_of(upstream, key)
    client.close()
    assert peer.ended.wait(5)
    assert upstream.bodies[key] == [None]
    assert notes(gateway, key) == []


def test_a_failing_capture_changes_nothing_for_the_client(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    key = f"boom-{key}"
    upstream.on(key, ACCEPTED)
    answer = gateway.ask("POST", f"/api/t/captured/{key}", (), b"x")
    assert (answer.status, answer.body, answer.complete) == (201, b'{"id": 7}', True)
    assert gateway.logged("capture of POST /captured/{key} failed")


def test_bodies_over_the_limit_are_forwarded_and_not_copied(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    upstream.on(key, ACCEPTED)
    answer = gateway.ask("POST", f"/api/t/captured-little/{key}", (), b"12345")
    assert answer.body == b'{"id": 7}'
    assert upstream.bodies[key] == [b"12345"]
    upstream.on(key, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour")
    gateway.ask("POST", f"/api/t/captured-little/{key}", (), b"1234")
    first, second = notes(gateway, key)
    assert (first["request_body"], first["response_body"]) == (None, None)
    assert (second["request_body"], second["response_body"]) == ("1234", "four")


def test_an_answer_that_breaks_off_is_not_captured(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    upstream.on(key, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", end=True)
    answer = gateway.ask("POST", f"/api/t/captured/{key}", (), b"x")
    assert not answer.complete
    assert notes(gateway, key) == []


def test_a_captured_request_without_a_body_ends_with_its_client_while_nothing_was_sent(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    answer = gateway.ask("GET", f"/api/t/captured/{key}")
    assert answer.status == 200
    (note,) = notes(gateway, key)
    assert note["request_body"] == ""
