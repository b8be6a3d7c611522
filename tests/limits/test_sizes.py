"""How big a request may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import post
from litestar.params import JSONBody

from fluxgate.plugin import PUBLIC, PluginSpec
from fluxgate.settings import LimitSettings
from fluxgate.testing import ServingGateway, plugin_record, serving_gateway
from tests.support.rawpeer import Answer, RawClient, request_bytes

LIMITS = LimitSettings(max_target_bytes=300, max_fields=20, max_query_parameters=5, max_body=2000, max_json_depth=4)


@post("/take", policy=PUBLIC, status_code=200, sync_to_thread=False)
def take(data: JSONBody[Any]) -> int:
    """Take any JSON."""
    return len(msgspec.json.encode(data))


@pytest.fixture(scope="module")
def gateway() -> Iterator[ServingGateway]:
    spec = PluginSpec(title="Sizes", version="1", handlers=(take,))
    with serving_gateway(plugin_record(spec, "s"), limits=LIMITS) as serving:
        yield serving


def ask(gateway: ServingGateway, request: bytes) -> Answer:
    with RawClient(httpx.URL(gateway.url).port or 0) as client:
        client.send(request)
        return client.answer()


@pytest.mark.parametrize(("length", "status"), [(300, 404), (301, 414)])
def test_the_target(gateway: ServingGateway, length: int, status: int) -> None:
    answer = ask(gateway, request_bytes("GET", "/" + "a" * (length - 1)))
    assert answer.status == status
    assert (b'"code":"URI_TOO_LONG"' in answer.body) is (status == 414)


@pytest.mark.parametrize(("count", "status"), [(20, 200), (21, 431)])
def test_the_fields(gateway: ServingGateway, count: int, status: int) -> None:
    fields = tuple((f"X-{number}", "1") for number in range(count - 1))  # and Host
    assert ask(gateway, request_bytes("GET", "/", fields)).status == status


@pytest.mark.parametrize(
    ("query", "status"), [("a=1&b=2&c=3&d=4&e=5", 200), ("a=1&b=2&c=3&d=4&e=5&f=6", 400), ("&&&&&", 400), ("", 200)]
)
def test_the_query_parameters(gateway: ServingGateway, query: str, status: int) -> None:
    answer = ask(gateway, request_bytes("GET", f"/?{query}"))
    assert answer.status == status
    assert (b'"code":"TOO_MANY_PARAMETERS"' in answer.body) is (status == 400)


JSON = (("Content-Type", "application/json"),)


@pytest.mark.parametrize(("size", "status"), [(2000, 200), (2001, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_of_a_handler(gateway: ServingGateway, size: int, status: int, chunked: bool) -> None:
    body = b'"' + b"a" * (size - 2) + b'"'
    if chunked:
        request = request_bytes("POST", "/api/s/take", (*JSON, ("Transfer-Encoding", "chunked")))
        request += b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
    else:
        request = request_bytes("POST", "/api/s/take", JSON, body)
    answer = ask(gateway, request)
    assert answer.status == status
    assert (b'"code":"BODY_TOO_LARGE"' in answer.body) is (status == 413)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'[[[{"a": "[[[[["}]]]', 200),
        (b"[[[[[]]]]]", 400),
        (b'{"a": {"a": {"a": {"a": {}}}}}', 400),
        (b"[" * 1900, 400),
    ],
)
def test_the_nesting_of_a_handlers_json(gateway: ServingGateway, body: bytes, status: int) -> None:
    answer = ask(gateway, request_bytes("POST", "/api/s/take", JSON, body))
    assert answer.status == status
    assert (b'"code":"BODY_TOO_DEEP"' in answer.body) is (status == 400)
