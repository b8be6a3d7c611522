"""What a plugin declares: frozen structs without side effects. The host in `fluxgate.plugins` acts on them.

A plugin named `printing` owns the prefix `/api/printing` (its routes) and, if it has a UI, the paths that its
`StaticUI` names. Nothing it does or fails to do reaches beyond them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal

import click
import httpx
import msgspec

from fluxgate.audit_notes import AuditNotes, audit_notes
from fluxgate.db import Database
from fluxgate.errors import ProblemError
from fluxgate.policy import AUTHENTICATED, PUBLIC, Authenticated, Check, Policy, Require
from fluxgate.principal import Principal
from fluxgate.proxy.route import ProxyRoute, Upstream, WebSocketRoute
from fluxgate.routedoc import Body, RouteDoc
from fluxgate.streams.websocket import SocketApp, WebSocket
from fluxgate.types import ASGIApp, Scope
from fluxgate.vault import SealBrokenError, Vault

__all__ = [
    "AUTHENTICATED",
    "PUBLIC",
    "AuditNotes",
    "Authenticated",
    "Body",
    "Check",
    "CheckResult",
    "Gauge",
    "HealthCheck",
    "HealthGate",
    "PluginContext",
    "PluginSettings",
    "PluginSpec",
    "Policy",
    "Principal",
    "Require",
    "RouteDoc",
    "RouteOptions",
    "SealBrokenError",
    "SocketApp",
    "SocketRoute",
    "StaticUI",
    "StreamRoute",
    "Vault",
    "WebSocket",
    "audit_notes",
]


class RouteOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What every route says of itself. Handlers say it in their decorator: `@get("/jobs", policy=…, rate=…, action=…)`,
    or for all of a router in its `opt`.

    `policy`: who may use it; a route without one fails its plugin's start. `rate`: the class of requests under which a
    caller's are counted, a name in `[limits.rates]`; by default `read` or `write` as the request's method says, but
    `stream` for a GET StreamRoute. Streams are counted as such while they are open, too. `action`: what the audit trail
    calls a use of it; by default `<plugin>.<name>` for a method that changes something, and `""` for one that doesn't;
    set it to `""` for a POST that only asks. `doc`: what `/-/openapi.json` says of it beyond what its code does.
    """

    policy: Policy | None = None
    rate: str | None = None
    action: str | None = None
    doc: RouteDoc = RouteDoc()


class PluginSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The plugin's settings type, a msgspec struct decoded from `[plugins.<name>]` with unknown keys refused.

    `environment` maps variable names of the plugin's own choosing to key paths inside that section
    (`{"FLUXPRINT_SERVICE_URL": "fluxprint.url"}`); they win over the file.
    """

    type: type[msgspec.Struct]
    environment: Mapping[str, str] = {}


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """`up`: works; `degraded`: works in part, still ready; `down`: doesn't work. `detail` is for people and names no
    internals."""

    status: Literal["up", "degraded", "down"]
    detail: str = ""


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A named check, asked when `/-/health` is read, at most every `interval` seconds and for `timeout` seconds at
    most.

    `critical`: asked every `interval` even so; while it is down, the plugin is in quarantine. A check that raises is
    down.
    """

    name: str
    check: Callable[[], Awaitable[CheckResult]]
    critical: bool = False
    interval: float = 5.0
    timeout: float = 3.0


HealthGate = Callable[[Scope], ProblemError | None]
"""Health middleware: asked before each of the plugin's routes, must be cheap; a problem returned ends the request."""


class StreamRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A long-lived answer (camera, events) as a raw ASGI app, dispatched without Litestar's layers; GET only, unless
    said. A GET route is asked HEAD too.

    `scope["path_params"]` holds the template's parameters, decoded, `scope["fluxgate.principal"]` the caller. `policy`,
    `rate`, `action` and `doc` as in `RouteOptions`.
    """

    path: str
    app: ASGIApp
    policy: Policy | None = None
    rate: str | None = None
    action: str | None = None
    doc: RouteDoc = RouteDoc()
    methods: frozenset[str] = frozenset({"GET"})
    name: str = ""
    summary: str = ""


class SocketRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A WebSocket whose other end is the plugin: `app` is given each connection once its handshake is answered, and
    returns when it is done. Pages of the host that was asked may connect, and of `origins` besides, as for a
    `WebSocketRoute`. `scope` as for a `StreamRoute`.
    """

    path: str
    app: SocketApp
    policy: Policy | None = None
    rate: str | None = None
    action: str = ""
    origins: frozenset[str] = frozenset()
    name: str = ""
    summary: str = ""


class StaticUI(msgspec.Struct, frozen=True, kw_only=True):
    """Built files of a web UI, served at each of `paths`; an unknown path below them answers `index.html`
    (client-side routing), unless it is below `assets/`, whose files are cached for ever and are 404 if missing.

    `paths` have no trailing slash, and are neither below `/api/` (but for the plugin's own prefix) nor `/-/`. The files
    are the same for everybody, so a UI that signs its users in itself is PUBLIC; what it shows comes from routes that
    aren't. Its pages load from the gateway's origin only and run no inline script; `csp` adds sources to directives of
    their Content-Security-Policy, such as `{"img-src": ("data:", "blob:")}`.
    """

    directory: Path
    paths: tuple[str, ...]
    title: str = ""
    policy: Policy | None = None
    csp: Mapping[str, tuple[str, ...]] = {}


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """A number of the plugin's in `/-/metrics`, as `fluxgate_<plugin>_<name>`.

    `read` is called when it is asked for, must be cheap and gives (values of the labels, number) for each series; how
    many there are must be bounded.
    """

    name: str
    help: str
    read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
    labels: tuple[str, ...] = ()


class PluginContext(msgspec.Struct, frozen=True, kw_only=True):
    """The services handed to a plugin's lifespan, and no others.

    `clients` has an httpx client per upstream the plugin declared (same connection pool as its proxy routes);
    `database` is None unless the plugin declared a `piccolo_app`; `data_dir` exists and is the plugin's own; `vault`
    encrypts what the plugin keeps of secrets.
    """

    name: str
    data_dir: Path
    log: logging.Logger
    clients: Mapping[str, httpx.AsyncClient]
    database: Database | None
    vault: Vault


Lifespan = Callable[[PluginContext], AbstractAsyncContextManager[None]]


class PluginSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a plugin declares.

    `handlers`: Litestar route handlers, controllers or routers, with paths relative to the plugin's prefix.
    `piccolo_app`: import path of its Piccolo `APP_CONFIG` module. `before`/`after` order start-up among the plugins
    that are there; `requires` names plugins without which this one is quarantined. `commands` appear as
    `fluxgate <name> …`. `max_running` and `max_streams`: requests that run at once, and streams that are open, if the
    general limits (`[limits]`) don't suit; `[limits.plugins.<name>]` overrides both. `examples`: lines that
    `fluxgate run` prints to try, with `{base}` for the gateway's URL.
    """

    title: str
    version: str
    upstreams: tuple[Upstream, ...] = ()
    proxy_routes: tuple[ProxyRoute, ...] = ()
    websockets: tuple[WebSocketRoute, ...] = ()
    handlers: tuple[Any, ...] = ()
    streams: tuple[StreamRoute, ...] = ()
    sockets: tuple[SocketRoute, ...] = ()
    health_checks: tuple[HealthCheck, ...] = ()
    health_gates: tuple[HealthGate, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    piccolo_app: str | None = None
    ui: StaticUI | None = None
    lifespan: Lifespan | None = None
    commands: tuple[click.Command, ...] = ()
    max_running: int | None = None
    max_streams: int | None = None
    examples: tuple[str, ...] = ()
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
