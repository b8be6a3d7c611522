"""What a plugin declares to have requests forwarded: upstreams, proxy routes, relayed WebSockets. Declarations only;
`forward.py` and `websocket.py` act.

Times are seconds, sizes are bytes. Paths are templates of whole segments: `/files/{name}`; a parameter stands for
exactly
one segment and is forwarded as the bytes that came, so it can never reach another upstream route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from fluxgate.policy import Policy
from fluxgate.principal import ANONYMOUS, Principal
from fluxgate.routedoc import RouteDoc
from fluxgate.types import RawHeaders

MIB = 1024 * 1024


class TLSOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an `https://` upstream is verified.

    `ca_file`: PEM bundle instead of the system's; `cert_file` and `key_file`: the gateway's client certificate;
    `server_name`: the name to verify when it isn't the URL's host.
    """

    verify: bool = True
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None


class FailureCodes(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is told when the upstream fails. Messages must not name internal addresses."""

    unreachable_status: Literal[502, 503] = 502
    unreachable_code: str = "UPSTREAM_UNREACHABLE"
    unreachable_message: str = "The service behind this route can't be reached."
    timeout_code: str = "UPSTREAM_TIMEOUT"
    timeout_message: str = "The service behind this route didn't answer in time."
    busy_code: str = "UPSTREAM_BUSY"
    busy_message: str = "All connections to the service behind this route are in use."
    malformed_code: str = "UPSTREAM_MALFORMED"
    malformed_message: str = "The service behind this route sent an answer that isn't valid HTTP."


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When an upstream isn't asked for a while: after `failures` in a row, or when a share of `ratio` of at least
    `least` requests within `window` seconds failed. The while is `pause` seconds, doubled each time in a row up to
    `longest`; then `probes` requests at once may try. Answers count as failures if their status is in `statuses`;
    what the client did never counts. `remembered`: requests that are looked at, at most."""

    failures: int = 5
    ratio: float = 0.5
    least: int = 20
    window: float = 10.0
    pause: float = 2.0
    longest: float = 60.0
    probes: int = 1
    statuses: frozenset[int] = frozenset()
    remembered: int = 1000


class HealthProbe(msgspec.Struct, frozen=True, kw_only=True):
    """How the gateway asks an upstream by itself whether it is well: GET `path` every `interval` seconds, for `timeout`
    at most. After `fall` answers in a row that aren't one of `statuses` it is down, after `rise` that are it is up."""

    path: str = "/health"
    interval: float = 5.0
    timeout: float = 2.0
    statuses: frozenset[int] = frozenset({200, 204})
    fall: int = 3
    rise: int = 1


class CachePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Keeps a GET route's answers for a moment, so that many who ask at once are one request to the upstream.

    `ttl` in seconds (an answer's own Cache-Control can only shorten it); `stale_if_error`: for how long after that an
    answer is still given when the upstream fails. Kept for each caller apart, unless `shared`: then everybody who may
    use the route gets the same. Of the request's fields only those in `vary` go upstream, and tell answers apart.
    `max_entry`: larger answers aren't kept. Never kept: what is private, no-store, sets cookies or isn't 200.
    """

    ttl: float = 1.0
    stale_if_error: float = 0.0
    shared: bool = False
    vary: frozenset[str] = frozenset()
    max_entry: int = MIB


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A server that requests are forwarded to, with its connection pool.

    `url` is the base (`http://host:port/base`); a path in it is prefixed to every upstream path. `read_timeout` and
    `write_timeout` bound silence, not the whole transfer. `host_header` is what the upstream sees as Host; by
    default the URL's authority. `max_connections`: requests that it is given at once; `max_streams` how many of these
    may be streams (default: half of them); `max_waiting`: requests that wait for a connection, for `pool_timeout`.
    `breaker`: when it isn't asked for a while; `probe`: how the gateway asks it by itself.
    """

    name: str
    url: str
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    write_timeout: float = 30.0
    pool_timeout: float = 5.0
    max_connections: int = 100
    max_streams: int | None = None
    max_waiting: int = 256
    keepalive: float = 15.0
    host_header: str | None = None
    tls: TLSOptions = TLSOptions()
    failures: FailureCodes = FailureCodes()
    breaker: BreakerPolicy | None = BreakerPolicy()
    probe: HealthProbe | None = None


class HeaderPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which header fields cross the gateway beyond what HTTP itself demands (hop-by-hop fields never do).

    `credentials`: what happens to the client's Authorization and Cookie: `drop` (default), `forward`, or `replace`
    (dropped, and the
    upstream's own put in their place through `set_request`). The gateway's own (its session's cookies, its API keys)
    are never forwarded. `identity`: tell the upstream who is calling, in `X-Fluxgate-User`, `-Roles`, `-Groups` and
    `-Method`, percent-encoded; a client's own fields of these names never pass.
    """

    credentials: Literal["drop", "forward", "replace"] = "drop"
    identity: bool = False
    drop_request: frozenset[str] = frozenset()
    drop_response: frozenset[str] = frozenset()
    set_request: tuple[tuple[str, str], ...] = ()
    set_response: tuple[tuple[str, str], ...] = ()


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a request is tried again; `attempts` counts all tries, the first too.

    A connect failure is retried for any method while none of the body was read; any other failure before the first
    answer byte only for
    idempotent methods (RFC 9110 §9.2.2) without a body.
    """

    attempts: int = 2
    backoff: float = 0.05


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One finished exchange, as a `Capture` hands it on: what the upstream got and what it answered.

    `request_body` or `response_body` is None when it was longer than the capture's limit. `principal`: whose request.
    """

    method: str
    path: str
    params: dict[str, str]
    request_headers: RawHeaders
    request_body: bytes | None
    status: int
    response_headers: RawHeaders
    response_body: bytes | None
    request_id: str
    principal: Principal = ANONYMOUS


ExchangeHandler = Callable[[Exchange], Awaitable[None]]


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """Copies an exchange while it passes, and awaits `then` before the client sees the end of a 2xx answer.

    Once the request has left completely, the exchange is finished even if the client goes away: what the upstream
    accepted is
    always handed to `then`. An exception in `then` is logged and doesn't change the client's answer. Request bodies
    over
    `max_request` (0: not copied at all) are forwarded and not copied.
    """

    then: ExchangeHandler
    max_request: int = 64 * 1024
    max_response: int = MIB


Vet = Callable[[Principal, bytes], Awaitable[None]]
"""Judges a whole body before the upstream is asked: raises the `ProblemError` that the caller is answered instead."""


class Inspector(Protocol):
    """Looks at one request's body on its way. Either method may raise a `ProblemError`: the client gets it, and the
    upstream, which has all that was shown before, sees its request broken off."""

    def feed(self, data: bytes) -> None:
        """A piece that is sent on next."""

    def end(self) -> None:
        """The body has ended; its last piece hasn't been sent on yet."""


class ProxyRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One forwarded route.

    `path` is relative to the plugin's prefix; `upstream_path` is relative to the upstream's URL, and its parameters
    are the route's. GET includes HEAD. `upstream_method` is what the upstream is asked with when not the client's own
    method. `read_timeout` overrides the upstream's. `max_body`: more is answered 413, by Content-Length before a
    byte is read and by count. `vet`: has the whole body first, so `max_body` is to be small. `inspect`:
    makes an inspector for each request from its header fields; a `ProblemError`
    raised here ends the request before the upstream is asked. `cache`: for GET only. `allow_encoded_separators` lets
    `%2F`, `%5C` and `//` stand in a path. `policy`, `rate`, `action` and `doc` as in `RouteOptions`.
    """

    methods: frozenset[str]
    path: str
    upstream: str
    upstream_path: str
    policy: Policy | None = None
    rate: str | None = None
    action: str | None = None
    doc: RouteDoc = RouteDoc()
    upstream_method: str | None = None
    name: str = ""
    summary: str = ""
    read_timeout: float | None = None
    write_timeout: float | None = None
    max_body: int = MIB
    forward_query: bool = True
    headers: HeaderPolicy = HeaderPolicy()
    retry: RetryPolicy = RetryPolicy()
    cache: CachePolicy | None = None
    capture: Capture | None = None
    vet: Vet | None = None
    inspect: Callable[[RawHeaders], Inspector] | None = None
    allow_encoded_separators: bool = False


class WebSocketRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One relayed WebSocket: the upstream sees the client's handshake under the route's header policy, and once it has
    agreed, every frame passes as it is.

    `path`, `upstream`, `upstream_path` and `policy` are as for a `ProxyRoute`; `rate` is `stream` by default, and the
    audit trail has the handshake if there is an `action`. A browser tells in `Origin` which site's page
    connects: by default only pages of the host that was asked, and of `origins` besides (`https://shop.example.org`;
    `*` for all). Without `Origin` it isn't a browser, and is served unless `require_origin`.

    `max_connections` bounds this route's WebSockets; they take none of the upstream's pool. One on which nothing has
    passed for `idle_timeout` is closed. `handshake_timeout`: how long the upstream may take to answer, by default its
    `read_timeout`.
    """

    path: str
    upstream: str
    upstream_path: str
    policy: Policy | None = None
    rate: str | None = None
    action: str = ""
    name: str = ""
    summary: str = ""
    origins: frozenset[str] = frozenset()
    require_origin: bool = False
    headers: HeaderPolicy = HeaderPolicy()
    idle_timeout: float = 300.0
    handshake_timeout: float | None = None
    max_connections: int = 100
    forward_query: bool = True
    allow_encoded_separators: bool = False
