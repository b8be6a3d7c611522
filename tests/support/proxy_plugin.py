"""A plugin with a proxy route for each thing the proxy tests ask, over upstreams whose addresses they choose."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from fluxgate.errors import ForbiddenError
from fluxgate.plugin import PUBLIC, PluginSpec, Principal
from fluxgate.proxy import Capture, Exchange, FailureCodes, HeaderPolicy, RetryPolicy, route

ALL = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
GET = frozenset({"GET"})
POST = frozenset({"POST"})
GB = 10**9

# Failures of one test must not open the circuit for the next.
Upstream = partial(route.Upstream, breaker=None)
ProxyRoute = partial(route.ProxyRoute, policy=PUBLIC)
WebSocketRoute = partial(route.WebSocketRoute, policy=PUBLIC)


class Addresses(msgspec.Struct, frozen=True):
    """Where upstreams are: `raw` is scripted, nobody listens at `refusing`, `unanswering` takes no connection,
    `sockets` is a WebSocket server."""

    raw: str
    refusing: str
    unanswering: str
    sockets: str


class Seen(msgspec.Struct):
    """A captured exchange, for the test to look at."""

    method: str
    path: str
    params: dict[str, str]
    request_body: str | None
    status: int
    response_body: str | None
    request_id: str


_seen: dict[str, list[Seen]] = defaultdict(list)
_released: dict[str, asyncio.Event] = defaultdict(asyncio.Event)


async def vet(principal: Principal, body: bytes) -> None:
    """What says so isn't let through."""
    if b"evil" in body:
        raise ForbiddenError(f"{principal.method}: no evil", code="EVIL")


async def note(exchange: Exchange) -> None:
    """Remember; first wait for `/release/KEY` when the key starts with `hold`, fail when it starts with `boom`."""
    key = exchange.params["key"]
    if key.startswith("hold"):
        await _released[key].wait()
    _seen[key].append(
        Seen(
            exchange.method,
            exchange.path,
            exchange.params,
            None if exchange.request_body is None else exchange.request_body.decode("latin-1"),
            exchange.status,
            None if exchange.response_body is None else exchange.response_body.decode("latin-1"),
            exchange.request_id,
        )
    )
    if key.startswith("boom"):
        raise RuntimeError("the recorder is broken")


@post("/release/{key:str}", policy=PUBLIC)
async def release(key: FromPath[str]) -> None:
    """Let a held capture go on."""
    _released[key].set()


@get("/notes/{key:str}", sync_to_thread=False, policy=PUBLIC)
def captured(key: FromPath[str]) -> list[Seen]:
    """What was captured for `key`."""
    return _seen[key]


@get("/hello/{name:str}", sync_to_thread=False, policy=PUBLIC)
def hello(name: FromPath[str]) -> dict[str, str]:
    """A handler."""
    return {"hello": name}


@get("/fails", sync_to_thread=False, policy=PUBLIC)
def fails() -> None:
    """A handler with a bug."""
    raise RuntimeError("secret-detail")


def spec(addresses: Addresses) -> PluginSpec:
    """The declaration."""
    raw = addresses.raw
    upstreams = (
        Upstream(name="raw", url=raw, read_timeout=20, max_connections=300),
        Upstream(name="based", url=raw + "/base/path", host_header="printer.internal"),
        Upstream(name="impatient", url=raw, read_timeout=0.4, write_timeout=0.4),
        Upstream(name="small", url=raw, max_connections=2, pool_timeout=0.3),
        Upstream(name="contended", url=raw, max_connections=3, pool_timeout=5),
        Upstream(name="single", url=raw, max_connections=1, keepalive=2.0),
        Upstream(name="sockets", url=addresses.sockets, max_connections=1),
        Upstream(name="refusing", url=addresses.refusing),
        Upstream(name="nowhere", url="http://host.invalid:9", connect_timeout=3),
        Upstream(name="unanswering", url=addresses.unanswering, connect_timeout=0.3),
        Upstream(
            name="down",
            url=addresses.refusing,
            failures=FailureCodes(unreachable_status=503, unreachable_code="PRINTER_OFFLINE"),
        ),
    )

    def route(
        prefix: str,
        upstream: str = "raw",
        *,
        methods: frozenset[str] = ALL,
        headers: HeaderPolicy = HeaderPolicy(),  # noqa: B008 - frozen
        capture: Capture | None = None,
        max_body: int = GB,
        upstream_method: str | None = None,
        allow_encoded_separators: bool = False,
        forward_query: bool = True,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    ) -> ProxyRoute:
        return ProxyRoute(
            policy=PUBLIC,
            methods=methods,
            path=f"/{prefix}/{{key}}",
            upstream=upstream,
            upstream_path=f"/{prefix}/{{key}}",
            headers=headers,
            capture=capture,
            max_body=max_body,
            upstream_method=upstream_method,
            allow_encoded_separators=allow_encoded_separators,
            forward_query=forward_query,
            retry=retry,
        )

    routes = (
        route("r"),
        route("based", "based"),
        route("impatient", "impatient"),
        route("small", "small"),
        route("contended", "contended"),
        route("single", "single"),
        route("refusing", "refusing"),
        route("nowhere", "nowhere"),
        route("unanswering", "unanswering"),
        route("down", "down"),
        route("limited", max_body=1000),
        route("open", allow_encoded_separators=True),
        route("noquery", forward_query=False),
        route("as-post", upstream_method="POST", methods=GET),
        route("as-get", upstream_method="GET", methods=GET),
        route("once", retry=RetryPolicy(attempts=1)),
        route("credentials", headers=HeaderPolicy(credentials="forward")),
        route(
            "replaced",
            headers=HeaderPolicy(credentials="replace", set_request=(("X-Api-Key", "gateway-key"),)),
        ),
        route(
            "edited",
            headers=HeaderPolicy(
                drop_request=frozenset({"X-Private"}),
                drop_response=frozenset({"Server"}),
                set_response=(("Cache-Control", "no-store"),),
            ),
        ),
        route("captured", capture=Capture(then=note)),
        route("captured-little", capture=Capture(then=note, max_request=4, max_response=4)),
        route("captured-impatient", "impatient", capture=Capture(then=note)),
        ProxyRoute(
            methods=POST,
            path="/vetted/{key}",
            upstream="impatient",
            upstream_path="/vetted/{key}",
            max_body=1000,
            write_timeout=0.4,
            vet=vet,
        ),
        ProxyRoute(methods=GET, path="/prints", upstream="raw", upstream_path="/up/prints"),
        ProxyRoute(methods=GET, path="/prints/{name}", upstream="raw", upstream_path="/up/one/{name}"),
        ProxyRoute(
            policy=PUBLIC, methods=POST, path="/prints/{name}", upstream="raw", upstream_path="/up/start/{name}"
        ),
        ProxyRoute(
            policy=PUBLIC,
            methods=GET,
            path="/two/{first}/{second}",
            upstream="raw",
            upstream_path="/two/{second}/x/{first}",
        ),
        ProxyRoute(
            policy=PUBLIC,
            methods=GET,
            path="/tree/{rest:path}",
            upstream="raw",
            upstream_path="/tree/{rest:path}",
        ),
    )

    def socket(
        prefix: str,
        upstream: str = "raw",
        *,
        origins: frozenset[str] = frozenset(),
        require_origin: bool = False,
        headers: HeaderPolicy = HeaderPolicy(),  # noqa: B008 - frozen
        idle_timeout: float = 60,
        handshake_timeout: float | None = None,
        max_connections: int = 2000,
    ) -> Any:
        return WebSocketRoute(
            path=f"/{prefix}/{{key}}",
            upstream=upstream,
            upstream_path=f"/{prefix}/{{key}}",
            origins=origins,
            require_origin=require_origin,
            headers=headers,
            idle_timeout=idle_timeout,
            handshake_timeout=handshake_timeout,
            max_connections=max_connections,
        )

    sockets = (
        socket("ws", "sockets"),
        socket("ws-raw"),
        socket("ws-partners", origins=frozenset({"https://shop.example", "http://shop.example:8080"})),
        socket("ws-any", origins=frozenset({"*"})),
        socket("ws-browsers", require_origin=True),
        socket("ws-credentials", headers=HeaderPolicy(credentials="forward")),
        socket("ws-plain", headers=HeaderPolicy(drop_request=frozenset({"Sec-WebSocket-Extensions"}))),
        socket("ws-idle", idle_timeout=0.6),
        socket("ws-few", "sockets", max_connections=2),
        socket("ws-impatient", handshake_timeout=0.3),
        socket("ws-refusing", "refusing"),
        socket("ws-unanswering", "unanswering"),
        socket("ws-down", "down"),
        socket("once"),
    )
    return PluginSpec(
        title="Proxy tests",
        version="1",
        upstreams=upstreams,
        proxy_routes=routes,
        websockets=sockets,
        handlers=(release, captured, hello, fails),
    )
