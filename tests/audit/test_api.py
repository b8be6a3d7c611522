"""`GET /-/audit` over a real connection."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from fluxgate.principal import Principal
from fluxgate.testing import TokenIssuer, plugin_record, serving_gateway
from tests.audit.test_trail import SPEC
from tests.support.printing_gateway import problem, wait_for


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with (
        serving_gateway(plugin_record(SPEC, "t")) as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False) as client,
    ):
        for number in range(7):
            client.post(f"/api/t/things/{number}")
        client.delete("/api/t/things/x")
        client.post("/api/t/hidden")
        # Outcomes and refusals are written behind the answers.
        wait_for(lambda: not client.get("/-/audit?result=unfinished").json()["items"])
        wait_for(lambda: len(client.get("/-/audit").json()["items"]) == 9)
        yield client


def test_pages_hold_everything_once(client: httpx.Client) -> None:
    seen: list[int] = []
    before = 0
    while True:
        page = client.get("/-/audit", params={"limit": 2, "before": before}).json()
        seen += [item["seq"] for item in page["items"]]
        before = page["next"]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 9
    assert seen == sorted(seen, reverse=True)


def test_a_change_and_its_outcome_are_one(client: httpx.Client) -> None:
    [item] = client.get("/-/audit?action=t.remove").json()["items"]
    assert (item["result"], item["status"], item["code"], item["target"]) == ("rejected", 409, "IN_USE", "x")
    assert item["params"] == {"name": "x"}
    assert item["finished_at"] >= item["at"]
    [denied] = client.get("/-/audit?result=denied").json()["items"]
    assert (denied["action"], denied["status"], denied["finished_at"]) == ("t.hidden", 404, denied["at"])


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("limit=0", 400, "limit"),
        ("limit=501", 400, "limit"),
        ("limit=x", 400, "limit"),
        ("before=-1", 400, "before"),
        ("since=yesterday", 422, "since"),
        ("result=good", 400, "result"),
        ("more=1", 400, "more"),
        ("limit=1&limit=2", 400, "limit"),
    ],
)
def test_a_wrong_query_names_its_field(client: httpx.Client, query: str, status: int, field: str) -> None:
    problem(client.get(f"/-/audit?{query}"), status, "INVALID_REQUEST", field)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 9),
        ("action=t.*", 9),
        ("action=t.make", 7),
        ("action=t", 0),
        ("principal=local&result=done", 7),
        ("principal=eve", 0),
        ("since=2020-01-01&until=2999-01-01T00:00:00Z", 9),
        ("until=2020-01-01T00:00:00%2B01:00", 0),
    ],
)
def test_filters(client: httpx.Client, query: str, count: int) -> None:
    assert len(client.get(f"/-/audit?{query}").json()["items"]) == count


@pytest.mark.parametrize("value", ["%00", "%ff", "%F0%9F%98%80", "%25", "'", "{}"])
def test_any_text_is_looked_for(client: httpx.Client, value: str) -> None:
    assert client.get(f"/-/audit?principal={value}&action={value}*").json()["items"] == []


def test_it_is_for_admins() -> None:
    issuer = TokenIssuer()
    with serving_gateway(plugin_record(SPEC, "t"), issuer=issuer) as gateway:
        for roles, scopes, status in (
            ({"viewer"}, None, 403),
            ({"admin"}, None, 200),
            ({"admin"}, {"printing:view"}, 403),
            ({"admin"}, {"audit:read"}, 200),
        ):
            principal = Principal(
                id="ada", roles=frozenset(roles), scopes=None if scopes is None else frozenset(scopes)
            )
            answer = httpx.get(f"{gateway.url}/-/audit", headers=issuer.headers(principal))
            assert answer.status_code == status, (roles, scopes)
        assert httpx.get(f"{gateway.url}/-/audit").status_code == 401


def test_it_is_documented(client: httpx.Client) -> None:
    operation = client.get("/-/openapi.json").json()["paths"]["/-/audit"]["get"]
    assert {parameter["name"] for parameter in operation["parameters"]} >= {"since", "principal", "before"}
