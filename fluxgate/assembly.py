"""Turns plugins' declarations into one route table and one Litestar app; what doesn't fit quarantines its plugin."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from litestar import Litestar, Router
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.config import OpenAPIConfig
from litestar.response import Response
from litestar.routes import HTTPRoute

from fluxgate import __version__
from fluxgate.errors import PROBLEM_TYPE, PluginError, ProblemError, problem_body
from fluxgate.plugin import PluginSpec
from fluxgate.plugins.record import PluginRecord
from fluxgate.proxy.forward import Forwarder
from fluxgate.proxy.pool import Pool
from fluxgate.routing import DuplicateRouteError, Route, RouteTable
from fluxgate.settings import Settings
from fluxgate.static_ui import StaticUIApp
from fluxgate.types import ASGIApp

if TYPE_CHECKING:
    from litestar import Request
    from litestar.types import ControllerRouterHandler

MAX_HANDLER_BODY = 4 * 1024 * 1024
_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}


class Assembly(NamedTuple):
    """What the gateway serves: the table, the Litestar app behind its `handler` routes, and each plugin's pools."""

    table: RouteTable
    litestar: Litestar
    pools: dict[str, dict[str, Pool]]


def assemble(records: Iterable[PluginRecord], settings: Settings) -> Assembly:
    """Build routes for every plugin that loaded. A plugin is taken whole or, with its first fault, not at all."""
    taken: list[Route] = []
    pools: dict[str, dict[str, Pool]] = {}
    routers: list[Router] = []
    table = RouteTable()
    holder = _LitestarEndpoint()
    for record in records:
        if record.spec is None or record.quarantine is not None:
            continue
        try:
            own_pools = _pools(record.spec)
            router, handler_routes = _handlers(record, record.spec, holder)
            routes = [*_proxies(record, record.spec, own_pools, settings), *_streams(record, record.spec)]
            routes += [*handler_routes, *_ui(record, record.spec)]
        except Exception as error:  # noqa: BLE001 - the isolation boundary: a declaration may be wrong in any way
            record.fail("declaration", error)
            continue
        trial = RouteTable()
        try:
            for route in (*taken, *routes):
                trial.add(route)
        except (DuplicateRouteError, ValueError) as error:
            record.fail("routes", error)
            continue
        taken += routes
        pools[record.name] = own_pools
        if router is not None:
            routers.append(router)
        table = trial
    litestar = _litestar(routers, title="Fluxgate")
    holder.app = litestar
    return Assembly(table, litestar, pools)


class _LitestarEndpoint:
    """Stands in the table for the Litestar app, which is built when all plugins' handlers are known."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def _pools(spec: PluginSpec) -> dict[str, Pool]:
    pools: dict[str, Pool] = {}
    for upstream in spec.upstreams:
        if upstream.name in pools:
            raise PluginError(f"upstream {upstream.name!r} is declared twice")
        pools[upstream.name] = Pool(upstream)
    return pools


def _proxies(record: PluginRecord, spec: PluginSpec, pools: dict[str, Pool], settings: Settings) -> Iterable[Route]:
    trusted = tuple(ipaddress.ip_network(network) for network in settings.gateway.trusted_proxies)
    for proxy in spec.proxy_routes:
        if proxy.upstream not in pools:
            known = ", ".join(sorted(pools)) or "none"
            raise PluginError(
                f"proxy route {proxy.path}: no upstream {proxy.upstream!r} is declared (there are: {known})"
            )
        yield Route(
            plugin=record.name,
            kind="proxy",
            methods=proxy.methods,
            template=record.prefix + proxy.path,
            endpoint=Forwarder(proxy, pools[proxy.upstream], trusted=trusted),
            name=proxy.name,
            summary=proxy.summary,
            allow_encoded_separators=proxy.allow_encoded_separators,
        )


def _streams(record: PluginRecord, spec: PluginSpec) -> Iterable[Route]:
    for stream in spec.streams:
        yield Route(
            plugin=record.name,
            kind="stream",
            methods=stream.methods,
            template=record.prefix + stream.path,
            endpoint=stream.app,
            name=stream.name,
            summary=stream.summary,
        )


def _ui(record: PluginRecord, spec: PluginSpec) -> Iterable[Route]:
    if spec.ui is None:
        return
    app = StaticUIApp(spec.ui)
    for path in spec.ui.paths:
        for template in (path, path + "/{path:path}"):
            yield Route(
                plugin=record.name,
                kind="ui",
                methods=frozenset({"GET"}),
                template=template,
                endpoint=app,
                name=spec.ui.title,
            )


def _handlers(record: PluginRecord, spec: PluginSpec, endpoint: ASGIApp) -> tuple[Router | None, list[Route]]:
    if not spec.handlers:
        return None, []
    handlers = cast("list[ControllerRouterHandler]", list(spec.handlers))
    # A throwaway app: whatever is wrong with this plugin's handlers shows here, and not in everybody's app.
    trial = _litestar([Router(path=record.prefix, route_handlers=handlers)], title=record.name)
    trial.openapi_schema  # noqa: B018 - built when read; an annotation that can't be documented shows here
    routes: list[Route] = []
    for declared in trial.routes:
        if not declared.path.startswith(record.prefix):
            continue
        if not isinstance(declared, HTTPRoute):
            raise PluginError(f"{declared.path}: only HTTP handlers are served; long-lived answers are streams")
        for handler in declared.route_handlers:
            methods = frozenset(str(method) for method in handler.http_methods) - {"OPTIONS"}
            if methods:
                routes.append(
                    Route(
                        plugin=record.name,
                        kind="handler",
                        methods=methods,
                        template=declared.path,
                        endpoint=endpoint,
                        name=handler.handler_name,
                        summary=handler.summary or "",
                    )
                )
    return Router(path=record.prefix, route_handlers=handlers, tags=[record.name]), routes


def _litestar(routers: list[Router], title: str) -> Litestar:
    return Litestar(
        route_handlers=routers,
        openapi_config=OpenAPIConfig(title=title, version=__version__, path="/-/schema", render_plugins=[]),
        exception_handlers={ProblemError: _problem, HTTPException: _http_exception, Exception: _unexpected},
        request_max_body_size=MAX_HANDLER_BODY,
        logging_config=None,
        debug=False,
    )


def _problem(request: Request[Any, Any, Any], error: ProblemError) -> Response[bytes]:
    return Response(
        error.body(request.scope.get("fluxgate.request_id")),  # type: ignore[arg-type]
        status_code=error.problem_status,
        media_type=PROBLEM_TYPE,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in error.headers},
    )


def _http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    message = error.detail if status < 500 else "The gateway failed to answer this request."
    field: str | None = None
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        first = cast("dict[str, str]", error.extra[0])
        field = first.get("key")
        message = first.get("message", message)
    code = "INVALID_REQUEST" if isinstance(error, ValidationException) else _CODES.get(status, "REQUEST_FAILED")
    return Response(
        problem_body(status, code, message, field, request.scope.get("fluxgate.request_id")),  # type: ignore[arg-type]
        status_code=status,
        media_type=PROBLEM_TYPE,
        headers=error.headers,
    )


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    # Logged by the gateway with its request id, which knows more than Litestar does here.
    raise error
