"""`create_app(settings)`: the gateway as an ASGI app.

A request passes, in this order: edge checks (Host, framing, path) → the route table → quarantine and health gates →
the route's endpoint, which
is a proxy route's forwarder, a stream, or Litestar for the plugins' handlers. Errors become problem bodies in one
place, here.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

import msgspec

from fluxgate import __version__
from fluxgate.accesslog import log_access
from fluxgate.assembly import Assembly, assemble
from fluxgate.errors import (
    PROBLEM_TYPE,
    BadRequestError,
    NotImplementedProblem,
    PluginError,
    ProblemError,
    UnavailableError,
)
from fluxgate.health import Health
from fluxgate.openapi import build_openapi
from fluxgate.plugins.discovery import discover, installed
from fluxgate.plugins.host import PluginHost
from fluxgate.plugins.loading import load
from fluxgate.plugins.ordering import order
from fluxgate.plugins.record import PluginRecord
from fluxgate.proxy.forward import CLIENT_CLOSED_REQUEST, ClientGone, ResponseBroken
from fluxgate.routing import Route, RouteTable
from fluxgate.settings import Settings
from fluxgate.types import Message, Receive, Scope, Send

logger = logging.getLogger("fluxgate")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}\Z")
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")
_JSON = b"application/json"


class IndexView(msgspec.Struct, frozen=True):
    """`GET /`: where things are."""

    name: str
    version: str
    plugins: dict[str, str]
    health: str = "/-/health"
    openapi: str = "/-/openapi.json"


class Gateway:
    """The ASGI app. Build it with `create_app`."""

    def __init__(self, settings: Settings, records: list[PluginRecord], assembly: Assembly) -> None:
        self.settings = settings
        self.table: RouteTable = assembly.table
        self.litestar = assembly.litestar
        self.host = PluginHost(settings, records, assembly.pools)
        self.health = Health(self.host)
        self._records = self.host.by_name
        for path, endpoint, summary in (
            ("/", self._index, "What this gateway serves"),
            ("/-/health", self._health, "Health of every plugin and upstream"),
            ("/-/health/live", self._live, "Whether the process is alive"),
            ("/-/health/ready", self._ready, "Whether to send traffic here"),
            ("/-/openapi.json", self._openapi, "This API as OpenAPI 3.1"),
        ):
            self.table.add(
                Route(
                    plugin="",
                    kind="gateway",
                    methods=frozenset({"GET"}),
                    template=path,
                    endpoint=endpoint,
                    name=path.rpartition("/")[2] or "index",
                    summary=summary,
                )
            )

    # -- ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "not served"})

    async def startup(self) -> None:
        """Start every plugin. Raises PluginError under `strict` if one is in quarantine."""
        await self.host.start()
        if self.settings.gateway.strict:
            failed = [record for record in self.host.records if record.quarantine is not None]
            if failed:
                await self.host.stop()
                raise PluginError(strict_text(failed))
        self.health.state = "running"

    async def shutdown(self) -> None:
        """Stop every plugin."""
        self.health.state = "stopping"
        await self.host.stop()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.startup()
        except Exception as error:  # noqa: BLE001 - the server must be told, whatever it is
            logger.error("start-up failed: %s", error)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        request_id = _request_id(scope)
        scope["fluxgate.request_id"] = request_id
        answer = _Answer(send, request_id)
        route: Route | None = None
        try:
            check_edge(scope)
            match = self._resolve(scope)
            route = match.route
            scope["fluxgate.params"] = match.params
            scope["path_params"] = (
                {name: unquote(value.decode("ascii")) for name, value in match.params.items()} if match.params else {}
            )
            answer.dated = route.kind != "proxy"
            if route.plugin:
                self._gate(route, scope)
            await self._serve(route, scope, receive, answer)
        except ProblemError as error:
            await answer.problem(error, scope)
        except ClientGone:
            answer.status = CLIENT_CLOSED_REQUEST
        except ResponseBroken:
            answer.broken = True
            _break_off(scope)
        except Exception:
            logger.exception("%s %s failed [%s]", scope["method"], scope["path"], request_id)
            if answer.status:
                answer.broken = True
                _break_off(scope)
            else:
                await answer.problem(ProblemError("The gateway failed to answer this request."), scope)
        finally:
            log_access(scope, route, answer, time.perf_counter() - begun)

    def _resolve(self, scope: Scope) -> Any:
        try:
            return self.table.resolve(scope["method"], scope["raw_path"])
        except ProblemError:
            # A plugin in quarantine may have no routes in the table: what is under its prefix is still its own.
            path: str = scope["path"]
            for record in self.host.records:
                if record.quarantine is not None and any(
                    path == prefix or path.startswith(prefix + "/") for prefix in record.owned_prefixes
                ):
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

    async def _serve(self, route: Route, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if route.kind == "handler" and scope["method"] == "HEAD" and "HEAD" not in route.methods:
            # Litestar knows no HEAD for a GET handler; the server leaves the body out.
            scope = {**scope, "method": "GET"}
        await route.endpoint(scope, receive, answer.send)

    # -- the gateway's own routes

    async def _index(self, scope: Scope, receive: Receive, send: Send) -> None:
        plugins = {record.name: record.prefix for record in self.host.records}
        await _json(send, 200, IndexView("fluxgate", __version__, plugins))

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _json(send, 200, {"status": "ok"})

    async def _ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        view = self.health.ready()
        await _json(send, 503 if view.status == "unavailable" else 200, view)

    async def _health(self, scope: Scope, receive: Receive, send: Send) -> None:
        view = await self.health.full()
        await _json(send, 503 if view.status == "unavailable" else 200, view)

    async def _openapi(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _json(send, 200, build_openapi(self.litestar, self.table))


class _Answer:
    """The send side of one request: adds the gateway's own fields, remembers status and size for the log."""

    __slots__ = ("_request_id", "_send", "broken", "dated", "sent", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0
        self.sent = 0
        self.broken = False
        self.dated = True

    async def send(self, message: Message) -> None:
        """ASGI send."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [field for field in message.get("headers", ()) if field[0].lower() != b"x-request-id"]
            headers.append((b"x-request-id", self._request_id.encode("ascii")))
            if self.dated:
                headers.append((b"date", _date()))
            message = {"type": "http.response.start", "status": self.status, "headers": headers}
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)

    async def problem(self, error: ProblemError, scope: Scope) -> None:
        """Answer with a problem body, or break off if an answer has begun."""
        if self.status:
            self.broken = True
            _break_off(scope)
            return
        body = error.body(self._request_id)
        self.dated = True
        headers = [
            (b"content-type", PROBLEM_TYPE.encode("ascii")),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *error.headers,
        ]
        await self.send({"type": "http.response.start", "status": error.problem_status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def create_app(settings: Settings, environ: Mapping[str, str] = os.environ) -> Gateway:
    """Load the enabled plugins and build the gateway. Raises PluginError under `strict` if one fails already."""
    records: list[PluginRecord] = []
    for record, entry_point in discover(settings.gateway.enabled, installed()):
        if record.quarantine is None and entry_point is not None:
            load(record, entry_point, settings, environ)
        records.append(record)
    return build(settings, records)


def build(settings: Settings, records: list[PluginRecord]) -> Gateway:
    """The gateway over plugins that are loaded already."""
    records = order(records)
    assembly = assemble(records, settings)
    records = order(records)
    failed = [record for record in records if record.quarantine is not None]
    if settings.gateway.strict and failed:
        raise PluginError(strict_text(failed))
    return Gateway(settings, records, assembly)


def strict_text(failed: list[PluginRecord]) -> str:
    """Why `strict` refuses to start."""
    reasons = "; ".join(
        f"{record.name} ({record.quarantine.stage}): {record.quarantine.reason}"
        for record in failed
        if record.quarantine
    )
    return f"refusing to start (strict): {reasons}"


def check_edge(scope: Scope) -> None:
    """Refuse what must go no further: no Host or several, both framings, a transfer coding other than chunked."""
    hosts = 0
    length = False
    for name, value in scope["headers"]:
        if name == b"host":
            hosts += 1
            if hosts > 1 or not _HOST.match(value):
                raise BadRequestError(
                    "The request must have exactly one valid Host field.", code="INVALID_HOST", field="host"
                )
        elif name == b"transfer-encoding":
            if value.strip().lower() != b"chunked":
                raise NotImplementedProblem(
                    "The only transfer coding taken is chunked.",
                    code="UNSUPPORTED_TRANSFER_CODING",
                    field="transfer-encoding",
                )
            if length or any(other == b"content-length" for other, _ in scope["headers"]):
                raise BadRequestError(
                    "A body has one framing, not two.", code="AMBIGUOUS_FRAMING", field="transfer-encoding"
                )
        elif name == b"content-length":
            if length or not value.isdigit():
                raise BadRequestError(
                    "Content-Length is not one number.", code="AMBIGUOUS_FRAMING", field="content-length"
                )
            length = True
    if hosts == 0 and scope["http_version"] != "1.0":
        raise BadRequestError("The request must have exactly one valid Host field.", code="INVALID_HOST", field="host")
    if scope["method"] in {"CONNECT", "TRACE"}:
        raise NotImplementedProblem(f"{scope['method']} is not served.", code="METHOD_NOT_IMPLEMENTED")


def _quarantined(record: PluginRecord) -> UnavailableError:
    return UnavailableError(
        f"The plugin {record.name} is out of service. The operators can see why in the gateway's health.",
        code="PLUGIN_QUARANTINED",
        retry_after=5,
    )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.match(value):
            return str(value, "ascii")
    return os.urandom(12).hex()


def _break_off(scope: Scope) -> None:
    """End the client's transfer so that it sees a broken one."""
    abort = scope.get("fluxgate.abort")
    if abort is None:
        raise ConnectionAbortedError("the answer was broken off")
    abort()


async def _json(send: Send, status: int, value: object) -> None:
    body = msgspec.json.encode(value)
    headers = [
        (b"content-type", _JSON),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _Clock:
    second = 0
    text = b""


def _date() -> bytes:
    now = int(time.time())
    if now != _Clock.second:
        _Clock.second = now
        _Clock.text = formatdate(now, usegmt=True).encode("ascii")
    return _Clock.text
