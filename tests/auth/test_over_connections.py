"""Credentials as raw bytes on a real connection: what only looks like one is none, and several are never weighed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from fluxgate.plugin import AUTHENTICATED, PluginSpec, StreamRoute
from fluxgate.principal import Principal
from fluxgate.proxy import Upstream, WebSocketRoute
from fluxgate.testing import ServingGateway, TokenIssuer, plugin_record, serving_gateway
from tests.support.identity import asking, query, who
from tests.support.rawpeer import RawClient, refusing_port

ISSUER = TokenIssuer()
TOKEN = ISSUER.token(Principal(id="ada"), lifetime=3600)
OTHER = ISSUER.token(Principal(id="eve"), lifetime=3600)


@pytest.fixture(scope="module")
def gateway() -> Iterator[ServingGateway]:
    with serving_gateway(who(), settings=asking(), issuer=ISSUER) as serving:
        yield serving


def ask(gateway: ServingGateway, *lines: str, target: str = "/api/who/me", method: str = "GET") -> tuple[int, bytes]:
    head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", *lines]) + "\r\n\r\n"
    with RawClient(int(gateway.url.rpartition(":")[2])) as client:
        client.send(head.encode("latin-1"))
        answer = client.answer(bodyless=method == "HEAD")
        return answer.status, answer.body


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([f"Authorization: Bearer {TOKEN}"], 200),
        ([f"AUTHORIZATION: BEARER {TOKEN}"], 200),
        ([f"authorization:bearer\t{TOKEN}"], 401),
        ([f"Authorization:   Bearer    {TOKEN}   "], 200),
        ([f"Authorization : Bearer {TOKEN}"], 400),
        ([f"Authorization: Bearer\r\n {TOKEN}"], 400),
        ([f"Authorization: {TOKEN}"], 401),
        ([f"Authorization: Bearer {TOKEN}, Bearer {OTHER}"], 401),
        ([f"Authorization: Bearer {TOKEN} {OTHER}"], 401),
        ([f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {OTHER}"], 400),
        ([f"Authorization: Bearer {TOKEN}", f"authorization: Bearer {TOKEN}"], 400),
        ([f"Authorization: Bearer {TOKEN}", "X-API-Key: x"], 400),
        ([f"Authorization: Bearer {TOKEN}", "Authorization: "], 400),
        (["Authorization: ", "X-API-Key: "], 401),
        ([f"Proxy-Authorization: Bearer {TOKEN}"], 401),
        ([f"X-Authorization: Bearer {TOKEN}"], 401),
        ([f"X-Forwarded-Authorization: Bearer {TOKEN}"], 401),
        (["X_API_KEY: x"], 401),
        (["X-Fluxgate-User: boss", "X-Fluxgate-Roles: admin"], 401),
        ([f"Connection: authorization, close\r\nAuthorization: Bearer {TOKEN}"], 200),
        ([f"Authorization: Bearer {TOKEN[:-2]}\x80\xff"], 401),
        (["Authorization: Bearer " + "a" * 60_000], 401),
        ([f"Cookie: access_token={TOKEN}"], 401),
        (["Cookie: fluxgate_session=a", "Cookie: fluxgate_session=b"], 401),
    ],
)
def test_fields(gateway: ServingGateway, lines: list[str], status: int) -> None:
    answered, body = ask(gateway, *lines)
    assert answered == status, body
    if status == 200:
        assert b'"id":"ada"' in body
    assert TOKEN.encode() not in body


def test_a_token_in_the_query_or_behind_the_body_is_none(gateway: ServingGateway) -> None:
    for name in ("access_token", "token", "Authorization", "api_key"):
        assert ask(gateway, target=f"/api/who/me?{name}={TOKEN}")[0] == 401
    trailer = f"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n0\r\nAuthorization: Bearer {TOKEN}"
    assert ask(gateway, trailer, method="POST", target="/api/who/change")[0] == 401


def test_the_pipelined_neighbours_credential_is_not_ones_own(gateway: ServingGateway) -> None:
    first = f"GET /api/who/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    second = "GET /api/who/me HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with RawClient(int(gateway.url.rpartition(":")[2])) as client:
        client.send((first + second + first).encode())
        assert [client.answer().status for _ in range(3)] == [200, 401, 200]


def test_head_and_options(gateway: ServingGateway) -> None:
    assert ask(gateway, f"Authorization: Bearer {TOKEN}", method="HEAD", target="/-/auth/me") == (200, b"")
    assert ask(gateway, method="HEAD", target="/-/auth/me")[0] == 401
    assert ask(gateway, method="OPTIONS", target="/-/auth/keys")[0] == 204
    for method in ("PUT", "PATCH"):
        assert ask(gateway, f"Authorization: Bearer {TOKEN}", method=method, target="/-/auth/session")[0] == 405


def test_a_websockets_handshake_is_somebodys_too() -> None:
    """Whoever is let through meets an upstream that isn't there: 502."""
    spec = PluginSpec(
        title="Sockets",
        version="1",
        upstreams=(Upstream(name="up", url=f"http://127.0.0.1:{refusing_port()}"),),
        streams=(StreamRoute(policy=AUTHENTICATED, path="/both", app=query),),
        websockets=(WebSocketRoute(policy=AUTHENTICATED, path="/both", upstream="up", upstream_path="/"),),
    )
    handshake = [
        "Upgrade: websocket",
        "Connection: upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    headers = ISSUER.headers(Principal(id="ada"))
    with serving_gateway(plugin_record(spec, "s"), settings=asking(), issuer=ISSUER) as serving:
        with httpx.Client(base_url=serving.url, headers=headers, trust_env=False) as client:
            session = client.post("/-/auth/session").headers["set-cookie"].partition(";")[0]
            link = client.post("/-/auth/links", json={"path": "/api/s/both", "expires_in": 60}).json()["url"]
        for lines, target, status in (
            ([], "/api/s/both", 401),
            ([f"Authorization: Bearer {TOKEN}"], "/api/s/both", 502),
            ([f"Cookie: {session}"], "/api/s/both", 502),
            ([f"Cookie: {session}", "Origin: https://evil.example.org"], "/api/s/both", 403),
            ([], link, 401),
        ):
            assert ask(serving, *handshake, *lines, target=target)[0] == status, (lines, target)
        assert ask(serving, target=link) == (200, b"|link|ada")
