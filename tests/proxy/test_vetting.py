"""A route that has the whole body judged before the upstream is asked."""

from __future__ import annotations

import json

import pytest

from tests.support.gateway import GatewayProcess, wait_for
from tests.support.rawpeer import RawUpstream


def head(key: str, *fields: bytes) -> bytes:
    return b"\r\n".join((b"POST /api/t/vetted/%b HTTP/1.1" % key.encode(), b"Host: a.test", *fields, b"", b""))


@pytest.mark.parametrize("chunked", [False, True])
def test_what_passes_arrives_whole_and_as_it_was_framed(
    gateway: GatewayProcess, upstream: RawUpstream, key: str, chunked: bool
) -> None:
    with gateway.client() as client:
        if chunked:
            client.send(head(key, b"Transfer-Encoding: chunked"), b"4\r\ngood\r\n", b"4\r\n boy\r\n0\r\n\r\n")
        else:
            client.send(head(key, b"Content-Length: 8"), b"good", b" boy")
        assert client.answer().status == 200
    assert upstream.bodies[key] == [b"good boy"]


def test_what_does_not_pass_never_reaches_the_upstream(
    gateway: GatewayProcess, upstream: RawUpstream, key: str
) -> None:
    with gateway.client() as client:
        client.send(head(key, b"Content-Length: 8"), b"so ", b"ev", b"il!")
        answer = client.answer()
        assert (answer.status, json.loads(answer.body)["code"]) == (403, "EVIL")
        assert upstream.seen[key] == []
        client.send(head(f"{key}-next", b"Content-Length: 2"), b"ok")
        assert client.answer().status == 200, "the connection goes on"


def test_too_much_too_slow_and_gone(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    with gateway.client() as client:
        client.send(head(key, b"Content-Length: 1001"))
        assert client.answer().status == 413
    with gateway.client() as client:
        client.send(head(key, b"Transfer-Encoding: chunked"), b"3e9\r\n", b"x" * 1001, b"\r\n0\r\n\r\n")
        assert client.answer().status == 413
    with gateway.client() as client:
        client.send(head(key, b"Content-Length: 5"), b"a")
        answer = client.answer()
        assert (answer.status, json.loads(answer.body)["code"]) == (408, "REQUEST_TIMEOUT")
    with gateway.client() as client:
        client.send(head(key, b"Content-Length: 5"), b"a")
    wait_for(lambda: f"/vetted/{key} 499" in gateway.log)
    assert upstream.seen[key] == []
