"""The merged document: valid OpenAPI 3.1, with every route of every plugin and the problem body."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from litestar import get, post
from litestar.params import FromPath, JSONBody
from openapi_spec_validator import OpenAPIV31SpecValidator

from fluxgate.errors import Problem
from fluxgate.plugin import PUBLIC, PluginSpec, StreamRoute
from fluxgate.proxy.route import ProxyRoute, Upstream
from fluxgate.testing import plugin_record, running_gateway
from fluxgate.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio


def item_type(module: str, **fields: Any) -> type[msgspec.Struct]:
    """A struct that every plugin calls alike, in its own module."""
    return msgspec.defstruct("Item", list(fields.items()), module=module)


ItemA = item_type("first.api", name=str)
ItemB = item_type("second.api", size=int)


class Problem2(msgspec.Struct, rename="pascal"):
    x: int


Problem2.__name__ = Problem2.__qualname__ = "Problem"


@get("/items/{id:int}", summary="One item", sync_to_thread=False, policy=PUBLIC)
def one(id: FromPath[int]) -> ItemA:  # type: ignore[valid-type]  # noqa: A002
    return ItemA(name=str(id))


@post("/items", sync_to_thread=False, policy=PUBLIC)
def add(data: JSONBody[ItemA]) -> ItemA:  # type: ignore[valid-type]
    return data


@get("/items", sync_to_thread=False, policy=PUBLIC)
def other() -> ItemB:  # type: ignore[valid-type]
    return ItemB(size=1)


@get("/problem", sync_to_thread=False, policy=PUBLIC)
def own_problem() -> Problem2:
    return Problem2(x=1)


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


def plugins() -> list[Any]:
    upstream = Upstream(name="up", url="http://127.0.0.1:9/secret-base")
    first = PluginSpec(
        title="First",
        version="1",
        handlers=(one, add),
        upstreams=(upstream,),
        proxy_routes=(
            ProxyRoute(
                policy=PUBLIC,
                methods=frozenset({"GET", "DELETE"}),
                path="/far/{name}",
                upstream="up",
                upstream_path="/hidden/{name}",
                summary="Far away",
            ),
            ProxyRoute(
                policy=PUBLIC,
                methods=frozenset({"GET"}),
                path="/tree/{rest:path}",
                upstream="up",
                upstream_path="/t/{rest:path}",
            ),
        ),
        streams=(StreamRoute(policy=PUBLIC, path="/live", app=stream, summary="Live"),),
    )
    second = PluginSpec(title="Second", version="1", handlers=(other, own_problem))
    return [plugin_record(first, "first"), plugin_record(second, "second")]


async def document() -> dict[str, Any]:
    async with running_gateway(*plugins()) as running:
        answer = await running.client.get("/-/openapi.json")
        assert answer.headers["content-type"] == "application/json"
        assert (await running.client.get("/-/openapi.json")).content == answer.content
        shown: dict[str, Any] = answer.json()
        return shown


async def test_it_is_valid() -> None:
    shown = await document()
    assert shown["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(shown).validate()


async def test_it_has_every_route_tagged_by_plugin() -> None:
    shown = await document()
    operations = {
        (method, path): operation for path, methods in shown["paths"].items() for method, operation in methods.items()
    }
    assert operations.keys() == {
        ("get", "/"),
        ("get", "/-/health"),
        ("get", "/-/health/live"),
        ("get", "/-/health/ready"),
        ("get", "/-/openapi.json"),
        ("get", "/-/metrics"),
        ("get", "/-/auth/me"),
        ("get", "/-/auth/csrf"),
        ("post", "/-/auth/session"),
        ("delete", "/-/auth/session"),
        ("post", "/-/auth/links"),
        ("get", "/-/audit"),
        ("get", "/-/auth/keys"),
        ("post", "/-/auth/keys"),
        ("delete", "/-/auth/keys/{id}"),
        ("get", "/api/first/items/{id}"),
        ("post", "/api/first/items"),
        ("get", "/api/first/far/{name}"),
        ("delete", "/api/first/far/{name}"),
        ("get", "/api/first/tree/{rest}"),
        ("get", "/api/first/live"),
        ("get", "/api/second/items"),
        ("get", "/api/second/problem"),
    }
    for (_, path), operation in operations.items():
        assert operation["tags"] == [path.split("/")[2] if path.startswith("/api/") else "gateway"]
        assert "application/problem+json" in operation["responses"]["default"]["content"]
    identifiers = [operation["operationId"] for operation in operations.values()]
    assert len(set(identifiers)) == len(identifiers)
    assert operations["get", "/api/first/far/{name}"]["summary"] == "Far away"


async def test_it_names_no_upstream() -> None:
    text = msgspec.json.encode(await document()).decode()
    assert "secret-base" not in text
    assert "hidden" not in text


async def test_types_of_one_name_do_not_get_mixed_up() -> None:
    shown = await document()
    schemas = shown["components"]["schemas"]

    def answer(path: str) -> dict[str, Any]:
        [success] = [response for code, response in shown["paths"][path]["get"]["responses"].items() if code == "200"]
        reference = success["content"]["application/json"]["schema"]["$ref"]
        schema: dict[str, Any] = schemas[reference.rpartition("/")[2]]
        return schema

    assert answer("/api/second/problem")["properties"].keys() == {"X"}
    assert answer("/api/first/items/{id}")["properties"].keys() == {"name"}
    assert answer("/api/second/items")["properties"].keys() == {"size"}
    assert schemas["fluxgate.Problem"]["properties"].keys() == set(Problem.__struct_fields__)
