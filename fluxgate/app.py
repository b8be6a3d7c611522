"""`create_app(settings)`: the gateway as an ASGI app.

A request passes, in this order: edge checks (Host, framing, path) → the route table → quarantine and health gates →
the guard (identity, policy, limits, audit) → the route's endpoint, which is a proxy route's forwarder, a WebSocket's
relay, a stream, or Litestar for the plugins' handlers. Errors become problem bodies in one place, here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from fluxgate import __version__
from fluxgate.address import ClientAddress
from fluxgate.answer import Answer, break_off, send_json
from fluxgate.assembly import assemble
from fluxgate.audit import AuditTrail, audit_route
from fluxgate.auth import Authenticator, refuse_exposure
from fluxgate.browser import Browser
from fluxgate.edge import check_edge, request_id_of
from fluxgate.errors import MethodNotAllowedError, PluginError, ProblemError, UnavailableError
from fluxgate.guard import Guard
from fluxgate.health import Health
from fluxgate.limits import Limits
from fluxgate.logs import REQUEST_ID
from fluxgate.openapi import build_openapi
from fluxgate.plugins.discovery import discover, installed
from fluxgate.plugins.host import PluginHost
from fluxgate.plugins.loading import load
from fluxgate.plugins.ordering import order
from fluxgate.plugins.record import PluginRecord
from fluxgate.plugins.runner import Timing
from fluxgate.policy import AUTHENTICATED, PUBLIC, Policy, Require
from fluxgate.proxy.forward import CLIENT_CLOSED_REQUEST, ClientGone, ResponseBroken
from fluxgate.routing import WEBSOCKET, Match, Route
from fluxgate.settings import Settings
from fluxgate.standing import Standing
from fluxgate.store import Store
from fluxgate.telemetry import Telemetry
from fluxgate.types import Receive, Scope, Send

if TYPE_CHECKING:
    from fluxgate.telemetry.exposition import Exposition

logger = logging.getLogger("fluxgate")

_FORWARDED = frozenset({"proxy", "websocket"})
"""Kinds of routes whose answers are an upstream's, with its Date."""


class IndexView(msgspec.Struct, frozen=True):
    """`GET /`: where things are."""

    name: str
    version: str
    plugins: dict[str, str]
    health: str = "/-/health"
    openapi: str = "/-/openapi.json"


class Gateway:
    """The ASGI app. Build it with `create_app`."""

    def __init__(self, settings: Settings, records: Iterable[PluginRecord], timing: Timing | None = None) -> None:
        self.settings = settings
        self.store = Store(settings)
        self.auth = Authenticator(settings, self.store)
        ordered = order(records)
        assembly = assemble(ordered, settings, self._own_routes())
        self.table = assembly.table
        self.cache = assembly.cache
        self.litestar = assembly.litestar
        # Assembling may have quarantined some that others require.
        self.host = PluginHost(settings, order(ordered), assembly.pools, self.store, timing)
        self.health = Health(self.host, self.store, self.auth.access)
        self.on_stopped: Callable[[], None] = lambda: None
        """Called once all plugins have stopped, or were given up."""
        self._records = self.host.by_name
        self.limits = Limits(
            settings.limits, ClientAddress(settings.gateway.trusted_proxies), self.host.records, assembly.pools
        )
        self.audit = AuditTrail(settings, self.store)
        self.telemetry = Telemetry(settings.telemetry, settings.gateway.log_format)
        uis = {record.name: record.spec.ui if record.spec else None for record in self.host.records}
        self._browser = Browser(settings, uis)
        self._guard = Guard(self.auth, self.limits, self.audit, Standing(self.auth, settings.auth.recheck_seconds))
        self._openapi_body: bytes | None = None
        self._exposition: Exposition | None = None

    # -- ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "not served"})

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document of everything that is served, as JSON-ready values."""
        titles = {record.name: record.spec.title if record.spec else record.name for record in self.host.records}
        return build_openapi(self.litestar, self.table, titles=titles, is_open=not self.settings.auth.has_provider)

    async def startup(self) -> None:
        """Start every plugin. Raises PluginError under `strict` if one is in quarantine."""
        await self.telemetry.start()
        await self.store.start()
        await self.auth.start()
        await self.audit.start()
        await self.limits.start()
        await self.host.start()
        if self.settings.gateway.strict:
            try:
                refuse_failed(self.host.records)
            except PluginError:
                await self.shutdown()
                raise
        self.health.state = "running"

    def begin_ending(self) -> None:
        """The server will end: readiness says so from now on, all else is served as before."""
        self.health.state = "stopping"

    async def shutdown(self) -> None:
        """Stop every plugin."""
        self.begin_ending()
        await self.host.stop()
        await self.limits.stop()
        await self.audit.stop()
        await self.auth.stop()
        await self.store.stop()
        await self.telemetry.stop()
        self.on_stopped()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.startup()
        except Exception as error:
            logger.critical("%s", error, exc_info=None if isinstance(error, PluginError) else error)
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        request_id = request_id_of(scope)
        scope["fluxgate.request_id"] = request_id
        REQUEST_ID.set(request_id)
        answer = Answer(send, request_id)
        scope["fluxgate.answer"] = answer
        self.telemetry.begun(scope)
        try:
            await self._pass_through(scope, receive, answer)
        except MethodNotAllowedError as error:
            allowed = error.allow | {"OPTIONS"}
            if scope["method"] == "OPTIONS":
                await answer.empty([(b"allow", ", ".join(sorted(allowed)).encode("ascii"))])
            else:
                await answer.problem(MethodNotAllowedError(error.message, allow=allowed), scope)
        except ProblemError as error:
            await answer.problem(error, scope)
        except ClientGone:
            answer.status = CLIENT_CLOSED_REQUEST
        except ResponseBroken:
            answer.broken = True
            break_off(scope)
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                if not answer.status:
                    await answer.problem(_shutting_down(), scope)
                raise
            # Anything else is a plugin's doing, a stray CancelledError too.
            logger.exception("%s %s failed", scope["method"], scope["path"])
            await answer.problem(_failed(), scope)
        finally:
            self.telemetry.ended(scope, scope.get("fluxgate.route"), answer, time.perf_counter() - begun)

    async def _pass_through(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        """From the edge to the endpoint; what stops the request on its way is raised."""
        answer.browser = self._browser.fields(scope, None)
        check_edge(scope)
        self.limits.check_query(scope)
        if (preflight := self._browser.preflight(scope, self.table)) is not None:
            answer.browser = preflight
            await answer.empty([])
            return
        match = self._resolve(scope)
        route = match.route
        answer.browser = self._browser.fields(scope, route)
        scope["fluxgate.route"] = route
        self.telemetry.routed(route)
        scope["fluxgate.params"] = match.params
        scope["path_params"] = match.path_params
        answer.dated = route.kind not in _FORWARDED
        if route.plugin:
            self._gate(route, scope)
        await self._guard.pass_on(route, scope, receive, answer, self._serve)
        if not answer.status:
            logger.warning("%s %s: its endpoint answered nothing", scope["method"], scope["path"])
            await answer.problem(_failed(), scope)

    def _resolve(self, scope: Scope) -> Match:
        try:
            if "fluxgate.switch" in scope:
                with contextlib.suppress(MethodNotAllowedError):
                    return self.table.resolve(WEBSOCKET, scope["raw_path"])
            return self.table.resolve(scope["method"], scope["raw_path"])
        except ProblemError:
            # A plugin in quarantine may have no routes in the table: what is under its prefix is still its own.
            for record in self.host.records:
                if record.quarantine is not None and record.owns(scope["path"]):
                    raise _quarantined(record) from None
            raise

    def _gate(self, route: Route, scope: Scope) -> None:
        record = self._records[route.plugin]
        if record.quarantine is not None:
            raise _quarantined(record)
        if not record.started:
            raise UnavailableError(f"The plugin {record.name} is starting.", code="PLUGIN_STARTING", retry_after=1)
        if record.spec is not None:
            for gate in record.spec.health_gates:
                if (problem := gate(scope)) is not None:
                    raise problem

    async def _serve(self, route: Route, scope: Scope, receive: Receive, answer: Answer) -> None:
        if route.kind == "handler" and scope["method"] == "HEAD" and "HEAD" not in route.methods:
            # Litestar knows no HEAD for a GET handler.
            scope = {**scope, "method": "GET"}
            answer.bodyless = True
        elif route.kind == "websocket" and "fluxgate.switch" in scope:
            scope["fluxgate.switch"] = answer.switching(scope["fluxgate.switch"])
        await route.endpoint(scope, receive, answer.send)

    # -- the gateway's own routes

    def _own_routes(self) -> list[Route]:
        own = [
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"GET"}),
                template=path,
                endpoint=endpoint,
                name=path.rpartition("/")[2] or "index",
                summary=summary,
                policy=policy,
                rate="gateway",
            )
            for path, endpoint, summary, policy in (
                ("/", self._index, "What this gateway serves", PUBLIC),
                ("/-/health", self._health, "Health of every plugin and upstream", AUTHENTICATED),
                ("/-/health/live", self._live, "Whether the process is alive", PUBLIC),
                ("/-/health/ready", self._ready, "Whether to send traffic here", PUBLIC),
                ("/-/openapi.json", self._openapi, "This API as OpenAPI 3.1", PUBLIC),
                ("/-/metrics", self._metrics, "The gateway's numbers for Prometheus", self._metrics_policy()),
            )
        ]
        return [*own, audit_route(self.store), *self.auth.routes(self._match)]

    def _match(self, method: str, raw_path: bytes) -> Match:
        return self.table.resolve(method, raw_path)

    async def _index(self, scope: Scope, receive: Receive, send: Send) -> None:
        plugins = {record.name: record.prefix for record in self.host.records}
        await send_json(send, 200, IndexView("fluxgate", __version__, plugins))

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(send, 200, {"status": "ok"})

    async def _ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        view = self.health.ready()
        await send_json(send, 503 if view.status == "unavailable" else 200, view)

    async def _health(self, scope: Scope, receive: Receive, send: Send) -> None:
        view = await self.health.full()
        await send_json(send, 503 if view.status == "unavailable" else 200, view)

    def _metrics_policy(self) -> Policy:
        public = self.settings.telemetry.public_metrics
        return PUBLIC if public else Require(roles=frozenset({"metrics"}), scopes=frozenset({"metrics"}))

    async def _metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._exposition is None:
            # Imported when it is asked for: it takes a good part of a start.
            from fluxgate.telemetry.exposition import Exposition  # noqa: PLC0415

            self._exposition = Exposition(
                self.telemetry.requests, self.telemetry.lag, self.host, self.store, self.cache
            )
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
        body, content_type = self._exposition.render(accept)
        headers = [
            (b"content-type", content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _openapi(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._openapi_body is None:
            self._openapi_body = msgspec.json.encode(self.openapi())
        await send_json(send, 200, self._openapi_body)


def create_app(settings: Settings, environ: Mapping[str, str] = os.environ, *, timing: Timing | None = None) -> Gateway:
    """Load the enabled plugins and build the gateway.

    Raises PluginError under `strict` if one fails already; SettingsError for a gateway that other machines could do
    everything with, unless `auth.insecure` says that they may.
    """
    refuse_exposure(settings)
    records: list[PluginRecord] = []
    for record, entry_point in discover(settings.gateway.enabled, installed()):
        if record.quarantine is None and entry_point is not None:
            load(record, entry_point, settings, environ)
        records.append(record)
    return build(settings, records, timing=timing)


def build(settings: Settings, records: Iterable[PluginRecord], *, timing: Timing | None = None) -> Gateway:
    """The gateway over plugins that are loaded already."""
    gateway = Gateway(settings, records, timing)
    if settings.gateway.strict:
        refuse_failed(gateway.host.records)
    return gateway


def refuse_failed(records: Iterable[PluginRecord]) -> None:
    """What `strict` does: raise PluginError if a plugin is in quarantine, naming each and why."""
    reasons = [
        f"{record.name} ({record.quarantine.stage}): {record.quarantine.reason}"
        for record in records
        if record.quarantine is not None
    ]
    if reasons:
        raise PluginError(f"refusing to start (strict): {'; '.join(reasons)}")


def _quarantined(record: PluginRecord) -> UnavailableError:
    return UnavailableError(
        f"The plugin {record.name} is out of service. The operators can see why in the gateway's health.",
        code="PLUGIN_QUARANTINED",
        retry_after=5,
    )


def _shutting_down() -> UnavailableError:
    return UnavailableError("The gateway is shutting down.", code="SHUTTING_DOWN", retry_after=1)


def _failed() -> ProblemError:
    return ProblemError("The gateway failed to answer this request.")
