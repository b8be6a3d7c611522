"""Cache leaks: one caller's answer, asked for by others with everything that could make two requests look alike, and
answers that one caller tries to leave behind for all.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest

from fluxgate.plugin import AUTHENTICATED, PluginSpec, Principal
from fluxgate.proxy import CachePolicy, HeaderPolicy, ProxyRoute, Upstream
from fluxgate.testing import RunningGateway, TokenIssuer, plugin_record, running_gateway
from tests.adversarial.ledger import Ledger
from tests.support.rawpeer import Peer, RawUpstream, Request

pytestmark = pytest.mark.anyio

PEOPLE = [
    Principal(id="ada", roles=frozenset({"admin"})),
    Principal(id="ada", roles=frozenset({"viewer"})),
    Principal(id="ada", roles=frozenset({"admin"}), scopes=frozenset({"read"})),
    Principal(id="bob"),
    Principal(id="Bob"),
    Principal(id="bob,ada"),
    Principal(id="ada%2Cbob"),
    Principal(id="key:ada"),
]
DISGUISES: list[dict[str, str]] = [
    {},
    {"X-Fluxgate-User": "ada", "X-Fluxgate-Roles": "admin"},
    {"X_Fluxgate_User": "ada"},
    {"Cookie": "session=ada"},
    {"X-Forwarded-User": "ada"},
    {"X-Forwarded-Host": "evil.example.org", "X-Forwarded-Proto": "gopher"},
    {"X-Original-URL": "/api/t/own/other", "X-Rewrite-URL": "/api/t/own/other"},
    {"Accept-Language": "de-evil", "Accept-Encoding": "gzip, evil"},
    {"Cache-Control": "max-stale=9999, only-if-cached"},
    {"Pragma": "no-cache"},
    {"If-None-Match": '"anything"'},
    {"Vary": "*"},
]


@pytest.fixture
def raw() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
async def gateway(raw: RawUpstream, issuer: TokenIssuer) -> AsyncIterator[RunningGateway]:
    def route(path: str, cache: CachePolicy, headers: HeaderPolicy) -> ProxyRoute:
        return ProxyRoute(
            methods=frozenset({"GET"}),
            path=path + "/{key}",
            upstream="up",
            upstream_path="/{key}",
            policy=AUTHENTICATED,
            cache=cache,
            headers=headers,
        )

    spec = PluginSpec(
        title="T",
        version="1",
        upstreams=(Upstream(name="up", url=raw.url, breaker=None),),
        proxy_routes=(
            route("/own", CachePolicy(ttl=60), HeaderPolicy(identity=True)),
            route("/shared", CachePolicy(ttl=60, shared=True), HeaderPolicy()),
        ),
    )
    async with running_gateway(plugin_record(spec, "t"), issuer=issuer) as running:
        yield running


async def test_nobody_is_given_what_another_was_told(
    gateway: RunningGateway, raw: RawUpstream, issuer: TokenIssuer, ledger: Ledger
) -> None:
    @raw.run("x")
    def tell(peer: Peer, request: Request) -> None:
        body = b"|".join(request.all(b"x-fluxgate-user") + request.all(b"x-fluxgate-roles"))
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    told = {}
    for person in PEOPLE:
        told[person] = (await gateway.client.get("/api/t/own/x", headers=issuer.headers(person))).text
    assert len(set(told.values())) >= len(PEOPLE) - 1  # scopes aren't told
    for person in PEOPLE:
        for disguise in DISGUISES:
            for path in ("/api/t/own/x", "/api/t/own/x?", "/api/t/own/x?user=ada", "/api/t/own/x?%75ser=ada"):
                answer = await gateway.client.get(path, headers={**issuer.headers(person), **disguise})
                given = answer.status_code == 200 and answer.text != told[person]
                ledger.enter(f"{path} by {person} with {disguise}", through=given and answer.text)


def is_in(value: str, text: str) -> bool:
    """Whether a value stands in a text; not by chance, within the hexadecimal digits of an id."""
    return re.search(rf"(?<![0-9a-f]){re.escape(value.lower())}(?![0-9a-f])", text) is not None


async def test_nobody_leaves_an_answer_behind_for_all(
    gateway: RunningGateway, raw: RawUpstream, issuer: TokenIssuer, ledger: Ledger
) -> None:
    @raw.run("y")
    def echo(peer: Peer, request: Request) -> None:
        """Repeats whatever it is told besides the host, as careless applications do."""
        body = b"\n".join(name + b": " + value for name, value in request.headers if name != b"host")
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    for number, disguise in enumerate(DISGUISES):
        for person in PEOPLE:
            path = f"/api/t/shared/y?{number}-{person.id}-{len(person.roles)}"
            first = await gateway.client.get(path, headers={**issuer.headers(person), **disguise, "X-Mine": "poison"})
            then = await gateway.client.get(path, headers=issuer.headers(Principal(id="victim")))
            left = [value for value in ("poison", "evil", "gopher", *disguise.values()) if is_in(value, then.text)]
            ledger.enter(f"{disguise} left by {person.id} ({first.status_code})", through=left)


async def test_without_a_credential_there_is_nothing_kept(
    gateway: RunningGateway, raw: RawUpstream, issuer: TokenIssuer, ledger: Ledger
) -> None:
    raw.on("z", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
    for route in ("own", "shared"):
        assert (await gateway.client.get(f"/api/t/{route}/z", headers=issuer.headers(PEOPLE[0]))).text == "secret"
        for disguise in DISGUISES:
            answer = await gateway.client.get(f"/api/t/{route}/z", headers=disguise)
            ledger.enter(f"{route} with {disguise}", through=answer.status_code not in {400, 401} and answer.text)
