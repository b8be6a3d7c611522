"""Every change is in the trail, seen from outside: a real server, its database, and what is read from it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from fluxgate.audit.chain import records
from fluxgate.audit.record import AuditRecord
from fluxgate.db import Database
from fluxgate.errors import ConflictError, NotFoundError
from fluxgate.plugin import PUBLIC, AuditNotes, Check, PluginSpec, Require, StreamRoute
from fluxgate.principal import Principal
from fluxgate.settings import GatewaySettings, Settings
from fluxgate.testing import ServingGateway, TokenIssuer, plugin_record, serving_gateway
from fluxgate.types import Receive, Scope, Send
from tests.support.postgres import in_a_loop_of_its_own
from tests.support.printing_gateway import wait_for


@post("/things/{name:str}", policy=PUBLIC)
async def make(name: FromPath[str], audit: NamedDependency[AuditNotes]) -> dict[str, str]:
    audit.note(target=f"thing:{name}", size=5, printer="mk4")
    audit.note(size=6)
    return {"name": name}


@delete("/things/{name:str}", status_code=200, policy=PUBLIC, action="t.remove")
async def remove(name: FromPath[str], audit: NamedDependency[AuditNotes]) -> dict[str, str]:
    audit.note(target=name)
    raise ConflictError("It is in use.", code="IN_USE")


@post("/crash", policy=PUBLIC)
async def crash() -> None:
    raise RuntimeError("boom")


@get("/look", policy=PUBLIC)
async def look() -> None:
    """Changes nothing."""


@post("/ask", policy=PUBLIC, action="")
async def ask() -> None:
    """Changes nothing either."""


async def _not_you(principal: Principal, scope: Scope) -> None:
    raise NotFoundError("There is no such thing.")


@post("/hidden", policy=Check("hidden", _not_you))
async def hidden() -> None:
    """Nobody may."""


@post("/guarded", policy=Require(roles=frozenset({"operator"})))
async def guarded() -> None:
    """For operators."""


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("boom")


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers nothing."""


SPEC = PluginSpec(
    title="Tested",
    version="1",
    handlers=(make, remove, crash, look, ask, hidden, guarded),
    streams=(
        StreamRoute(policy=PUBLIC, path="/broken", app=broken, methods=frozenset({"POST"}), name="broken"),
        StreamRoute(policy=PUBLIC, path="/silent", app=silent, methods=frozenset({"POST"}), name="silent"),
    ),
)


@pytest.fixture(params=["sqlite", "postgres"])
def gateway(request: pytest.FixtureRequest) -> Iterator[ServingGateway]:
    url = None if request.param == "sqlite" else request.getfixturevalue("fresh_postgres_url")
    with serving_gateway(plugin_record(SPEC, "t"), database_url=url) as gateway:
        yield gateway


def trail(gateway: ServingGateway) -> list[AuditRecord]:
    """All records, from a connection of our own."""

    async def read() -> list[AuditRecord]:
        database = Database.from_url(gateway.gateway.settings.database.url)
        await database.start()
        try:
            return [record async for record in records(database)]
        finally:
            await database.stop()

    return in_a_loop_of_its_own(read())


def settled(gateway: ServingGateway, count: int) -> list[AuditRecord]:
    """All records once there are `count`."""
    return wait_for(lambda: len(found := trail(gateway)) >= count and found)  # type: ignore[return-value]


def test_a_change_is_an_intent_and_an_outcome(gateway: ServingGateway) -> None:
    answer = httpx.post(
        f"{gateway.url}/api/t/things/caf%C3%A9?secret=1",
        headers={"user-agent": "tester/1", "x-request-id": "request-0001", "authorization": "Bearer sesame"},
        content=b"body-text",
    )
    assert answer.status_code == 201
    intent, outcome = settled(gateway, 2)
    assert (intent.kind, intent.seq, intent.action, intent.http_method) == ("intent", 1, "t.make", "POST")
    assert (intent.path, intent.params) == ("/api/t/things/caf%C3%A9", {"name": "café"})
    assert (intent.principal, intent.method, intent.client) == ("local", "open", "127.0.0.1")
    assert (intent.user_agent, intent.request_id, intent.status) == ("tester/1", "request-0001", 0)
    assert (outcome.kind, outcome.change, outcome.status, outcome.result) == ("outcome", 1, 201, "done")
    assert (outcome.target, outcome.details) == ("thing:café", {"size": 6, "printer": "mk4"})
    assert outcome.previous == intent.hash
    assert intent.at <= outcome.at
    for told in ("secret", "sesame", "body-text"):
        assert told not in f"{intent}{outcome}"


@pytest.mark.parametrize(
    ("path", "method", "status", "result", "code"),
    [
        ("/things/a", "DELETE", 409, "rejected", "IN_USE"),
        ("/crash", "POST", 500, "failed", "INTERNAL_ERROR"),
        ("/silent", "POST", 500, "failed", ""),
        ("/broken", "POST", 200, "interrupted", ""),
    ],
)
def test_what_did_not_go_well(
    gateway: ServingGateway, path: str, method: str, status: int, result: str, code: str
) -> None:
    try:
        assert httpx.request(method, f"{gateway.url}/api/t{path}").status_code == status
    except httpx.RemoteProtocolError:
        assert path == "/broken"
    intent, outcome = settled(gateway, 2)
    assert (outcome.change, outcome.status, outcome.result, outcome.code) == (intent.seq, status, result, code)


def test_what_changes_nothing_is_not_recorded(gateway: ServingGateway) -> None:
    httpx.get(f"{gateway.url}/api/t/look")
    httpx.post(f"{gateway.url}/api/t/ask")
    httpx.post(f"{gateway.url}/api/t/there/is/nothing")
    httpx.post(f"{gateway.url}/api/t/things/a")
    assert [record.action for record in settled(gateway, 2)] == ["t.make", ""]


def test_who_may_not_is_recorded(gateway: ServingGateway) -> None:
    assert httpx.post(f"{gateway.url}/api/t/hidden").status_code == 404
    [record] = settled(gateway, 1)
    assert (record.kind, record.result, record.status, record.code) == ("denied", "denied", 404, "NOT_FOUND")
    assert (record.action, record.principal) == ("t.hidden", "local")


def test_denials_do_not_fill_the_disk(gateway: ServingGateway) -> None:
    with httpx.Client() as client:
        for _ in range(100):
            client.post(f"{gateway.url}/api/t/hidden")
    gateway_records = settled(gateway, 60)
    assert 60 <= len(gateway_records) <= 64


def test_concurrent_changes_make_one_chain(gateway: ServingGateway) -> None:
    with ThreadPoolExecutor(16) as pool, httpx.Client() as client:
        list(pool.map(lambda n: client.post(f"{gateway.url}/api/t/things/{n}").raise_for_status(), range(200)))
    found = settled(gateway, 400)
    assert [record.seq for record in found] == list(range(1, 401))
    intents = {record.seq: record for record in found if record.kind == "intent"}
    outcomes = [record for record in found if record.kind == "outcome"]
    assert len(intents) == len(outcomes) == 200
    for outcome in outcomes:
        assert outcome.change is not None
        assert outcome.target == f"thing:{intents[outcome.change].params['name']}"


def test_refused_callers_are_recorded() -> None:
    issuer = TokenIssuer()
    ada = Principal(id="ada", name="Ada", roles=frozenset({"viewer"}))
    settings = Settings(gateway=GatewaySettings(trusted_proxies=("127.0.0.1/32",)))
    with serving_gateway(plugin_record(SPEC, "t"), settings=settings, issuer=issuer) as gateway:
        url = f"{gateway.url}/api/t/guarded"
        forwarded = {"x-forwarded-for": "203.0.113.9, 198.51.100.7"}
        assert httpx.post(url, headers=forwarded).status_code == 401
        assert httpx.post(url, headers={"authorization": "Bearer nonsense"}).status_code == 401
        assert httpx.post(url, headers=issuer.headers(ada)).status_code == 403
        found = settled(gateway, 3)
    assert [(one.kind, one.status, one.code, one.principal) for one in found] == [
        ("denied", 401, "UNAUTHENTICATED", ""),
        ("denied", 401, found[1].code, ""),
        ("denied", 403, "FORBIDDEN", "ada"),
    ]
    assert found[0].client == "198.51.100.7"
    assert (found[2].principal_name, found[2].method) == ("Ada", "token")
    assert "nonsense" not in str(found)
