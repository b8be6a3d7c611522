"""What upstreams learn of a caller: nothing of its credentials for this gateway, and who it is only where they may."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.credentials import cookies_of_others
from fluxgate.plugin import PUBLIC, PluginSpec
from fluxgate.principal import Principal
from fluxgate.proxy import HeaderPolicy, ProxyRoute, Upstream
from fluxgate.settings import KeySettings
from fluxgate.testing import RunningGateway, TokenIssuer, plugin_record, running_gateway
from tests.support.identity import asking
from tests.support.rawhttp import RawServer, json_answer, raw_server

pytestmark = pytest.mark.anyio
ADA = Principal(id="ädä, %", roles=frozenset({"viewer", "a b", "x,y"}), groups=frozenset({"lab"}))
ADMIN = Principal(id="boss", roles=frozenset({"admin"}))
ALL = frozenset({"GET", "POST"})


@pytest.fixture
async def upstream() -> AsyncIterator[RawServer]:
    async with raw_server() as raw:
        raw.default = json_answer(200, "{}")
        yield raw


def spec(raw: RawServer) -> PluginSpec:
    policies = {
        "drop": HeaderPolicy(),
        "forward": HeaderPolicy(credentials="forward"),
        "identity": HeaderPolicy(identity=True),
    }
    routes = tuple(
        ProxyRoute(policy=PUBLIC, methods=ALL, path=f"/{name}", upstream="up", upstream_path="/x", headers=headers)
        for name, headers in policies.items()
    )
    return PluginSpec(title="Up", version="1", upstreams=(Upstream(name="up", url=raw.url),), proxy_routes=routes)


async def seen(
    raw: RawServer, running: RunningGateway, path: str, fields: dict[str, str], method: str = "GET"
) -> dict[str, str]:
    """The fields that came to the upstream."""
    answer = await running.client.request(method, f"/api/up/{path}", headers=fields)
    assert answer.status_code == 200, answer.text
    lines = raw.requests[-1].split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name}


async def test_what_is_forwarded(upstream: RawServer) -> None:
    issuer = TokenIssuer()
    settings = asking(keys=KeySettings(enabled=True))
    async with running_gateway(plugin_record(spec(upstream), "up"), settings=settings, issuer=issuer) as running:
        begun = await running.client.post("/-/auth/session", headers=issuer.headers(ADA))
        running.client.cookies.clear()
        own = "; ".join(line.partition(";")[0] for line in begun.headers.get_list("set-cookie"))
        made = await running.client.post("/-/auth/keys", json={"name": "k"}, headers=issuer.headers(ADMIN))
        key = made.json()["key"]
        csrf = begun.json()["csrfToken"]

        browser = {"Cookie": f"theirs=1; {own}; more=2", "X-CSRF-Token": csrf}
        fields = await seen(upstream, running, "forward", browser, "POST")
        assert fields["cookie"] == "theirs=1; more=2"
        assert "x-csrf-token" not in fields
        assert "cookie" not in await seen(upstream, running, "forward", {"Cookie": own})

        token = issuer.headers(ADA)
        fields = await seen(upstream, running, "forward", {**token, "X-CSRF-Token": "theirs"})
        assert (fields["authorization"], fields["x-csrf-token"]) == (token["Authorization"], "theirs")
        for ours in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
            assert key not in str(await seen(upstream, running, "forward", ours))
        for credential in (browser, token, {"X-API-Key": key}):
            fields = await seen(upstream, running, "drop", credential)
            assert fields.keys() & {"cookie", "authorization", "x-api-key", "x-csrf-token"} == set()
        assert not any(secret in "".join(upstream.requests) for secret in (key, csrf, own))


async def test_no_upstream_gives_a_browser_a_session_of_the_gateway(upstream: RawServer) -> None:
    planted = "Set-Cookie: fluxgate_session=x; Path=/\r\nSet-Cookie: __Host-fluxgate_csrf=x\r\nSet-Cookie: theirs=1\r\n"
    upstream.default = json_answer(200, "{}", planted)
    async with running_gateway(plugin_record(spec(upstream), "up")) as running:
        answer = await running.client.get("/api/up/drop")
        assert answer.headers.get_list("set-cookie") == ["theirs=1"]


async def test_who_is_calling_is_told_where_the_route_says_so(upstream: RawServer) -> None:
    issuer = TokenIssuer()
    async with running_gateway(plugin_record(spec(upstream), "up"), settings=asking(), issuer=issuer) as running:
        forged = {"X-Fluxgate-User": "boss", "X-Fluxgate-Roles": "admin", "X_Fluxgate_User": "boss"}
        fields = await seen(upstream, running, "identity", {**issuer.headers(ADA), **forged})
        told = {name: value for name, value in fields.items() if "fluxgate" in name}
        assert told == {
            "x-fluxgate-user": "%C3%A4d%C3%A4, %25",
            "x-fluxgate-roles": "a b,viewer,x%2Cy",
            "x-fluxgate-groups": "lab",
            "x-fluxgate-method": "token",
        }
        for path, headers in (("identity", forged), ("drop", {**issuer.headers(ADA), **forged})):
            fields = await seen(upstream, running, path, headers)
            assert [name for name in fields if "fluxgate" in name] == []


@given(st.lists(st.sampled_from(["a=1", "fluxgate_session=x", "__Host-fluxgate_csrf=y", "xfluxgate_session=z", ""])))
def test_other_cookies_stay_in_their_order(parts: list[str]) -> None:
    left = cookies_of_others("; ".join(parts).encode()).decode()
    assert [part for part in left.split("; ") if part] == [
        part for part in parts if part and not part.startswith(("fluxgate_", "__Host-fluxgate_"))
    ]
