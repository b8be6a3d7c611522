"""Turns plugins' declarations into one route table and one Litestar app; what doesn't fit quarantines its plugin."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from fluxgate.address import ClientAddress
from fluxgate.browser.csp import check_additions
from fluxgate.errors import PluginError
from fluxgate.litestar_app import build_litestar, try_litestar
from fluxgate.plugin import PluginSpec, Policy
from fluxgate.plugins.loading import PLUGIN_ERRORS
from fluxgate.plugins.record import PluginRecord, ui_path_fault
from fluxgate.proxy.cache import CachedForwarder, Invalidating, MicroCache
from fluxgate.proxy.forward import Forwarder
from fluxgate.proxy.headers import Network
from fluxgate.proxy.pool import Pool
from fluxgate.proxy.route import ProxyRoute, Upstream, WebSocketRoute
from fluxgate.proxy.vetting import VettedForwarder
from fluxgate.proxy.websocket import WebSocketRelay
from fluxgate.routedoc import Body, RouteDoc
from fluxgate.routing import SAFE_METHODS, WEBSOCKET, DuplicateRouteError, Route, RouteTable
from fluxgate.settings import PluginLimits, Settings, UpstreamLimits
from fluxgate.static_ui import StaticUIApp
from fluxgate.streams.websocket import SocketEndpoint
from fluxgate.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Assembly(NamedTuple):
    """What the gateway serves: the table, the Litestar app behind its `handler` routes, each plugin's pools, and the
    answers that are kept."""

    table: RouteTable
    litestar: Litestar
    pools: dict[str, dict[str, Pool]]
    cache: MicroCache


def assemble(records: Iterable[PluginRecord], settings: Settings, own: Iterable[Route] = ()) -> Assembly:
    """Build routes for every plugin that loaded, beside the gateway's `own`. A plugin is taken whole or, with its first
    fault, not at all."""
    taken = list(own)
    pools: dict[str, dict[str, Pool]] = {}
    cache = MicroCache(settings.gateway.cache_bytes)
    routers: list[Router] = []
    holder = _LitestarEndpoint(build_litestar([], settings.limits))
    table = _table(taken)
    for record in records:
        if record.spec is None or record.quarantine is not None:
            continue
        try:
            own_pools = _pools(record, record.spec, settings)
            router, routes = _handlers(record, record.spec, holder)
            routes += [*_proxies(record, record.spec, own_pools, settings, cache), *_streams(record, record.spec)]
            routes += _websockets(record, record.spec, own_pools, settings)
            routes += _sockets(record, record.spec, settings)
            routes += _ui(record, record.spec)
            _check_names(record.spec)
            # An app over all handlers so far: what doesn't go together shows here, and not in everybody's app.
            build = try_litestar if routers else build_litestar  # one plugin's have been tried
            trial = build([*routers, router], settings.limits) if router is not None else holder.app
            table = _table([*taken, *routes])
        except PLUGIN_ERRORS as error:
            record.fail("routes" if isinstance(error, DuplicateRouteError) else "declaration", error)
            continue
        taken += routes
        pools[record.name] = own_pools
        if router is not None:
            routers.append(router)
            holder.app = trial
    return Assembly(table, holder.app, pools, cache)


def _table(routes: Iterable[Route]) -> RouteTable:
    table = RouteTable()
    for route in routes:
        table.add(route)
    return table


class _LitestarEndpoint:
    """Stands in the table for the Litestar app, which is complete when all plugins' handlers are known."""

    def __init__(self, app: Litestar) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def _check_names(spec: PluginSpec) -> None:
    for what, names in (
        ("health check", [check.name for check in spec.health_checks]),
        ("command", [command.name or "" for command in spec.commands]),
    ):
        if twice := [name for name in names if names.count(name) > 1]:
            raise PluginError(f"{what} {twice[0]!r} is declared twice")


def _template(record: PluginRecord, path: str) -> str:
    if not path.startswith("/"):
        # Without it a path would leave the plugin's prefix: /api/name + evil.
        raise PluginError(f"route path {path!r} must start with '/'")
    return record.prefix if path == "/" else record.prefix + path


def _check_methods(path: str, methods: frozenset[str]) -> None:
    if not methods:
        raise PluginError(f"route {path} has no methods")
    if unknown := sorted(methods - _METHODS):
        raise PluginError(f"route {path}: {unknown[0]!r} is not a method (these are: {', '.join(sorted(_METHODS))})")


def _policy(path: str, policy: object) -> Policy:
    if policy is None:
        raise PluginError(f"route {path} has no policy: say who may use it (fluxgate.plugin has PUBLIC, Require, …)")
    if not isinstance(policy, Policy):
        raise PluginError(f"route {path}: its policy is no policy but {type(policy).__name__}")
    return policy


def _rate(methods: frozenset[str], *, reading: str = "read") -> str:
    if methods <= SAFE_METHODS:
        return reading
    return "" if methods & SAFE_METHODS else "write"


def _action(record: PluginRecord, methods: frozenset[str], name: str, action: object) -> str:
    if action is not None:
        return str(action)
    return "" if methods <= SAFE_METHODS else f"{record.name}.{name or 'change'}"


def _pools(record: PluginRecord, spec: PluginSpec, settings: Settings) -> dict[str, Pool]:
    limits = settings.limits.plugins.get(record.name, PluginLimits()).upstreams
    pools: dict[str, Pool] = {}
    for upstream in spec.upstreams:
        if upstream.name in pools:
            raise PluginError(f"upstream {upstream.name!r} is declared twice")
        pools[upstream.name] = Pool(_limited(upstream, limits.get(upstream.name, UpstreamLimits())))
    if unknown := sorted(limits.keys() - pools):
        raise PluginError(
            f"limits.plugins.{record.name}.upstreams: no upstream {unknown[0]!r} is declared "
            f"(there are: {', '.join(sorted(pools)) or 'none'})"
        )
    return pools


def _limited(upstream: Upstream, limits: UpstreamLimits) -> Upstream:
    configured = {name: value for name, value in msgspec.structs.asdict(limits).items() if value is not None}
    return msgspec.structs.replace(upstream, **configured)


def _proxies(
    record: PluginRecord, spec: PluginSpec, pools: dict[str, Pool], settings: Settings, cache: MicroCache
) -> Iterable[Route]:
    trusted = _trusted(settings)
    kept = {proxy.upstream for proxy in spec.proxy_routes if proxy.cache is not None}
    for proxy in spec.proxy_routes:
        _check_methods(proxy.path, proxy.methods)
        forwarder = Forwarder(proxy, _pool_of(proxy, pools), trusted=trusted)
        endpoint: ASGIApp = forwarder if proxy.vet is None else VettedForwarder(forwarder, proxy.vet)
        if proxy.cache is not None:
            _check_cache(proxy)
            endpoint = CachedForwarder(forwarder, proxy.cache, cache, record.name)
        elif proxy.upstream in kept:
            endpoint = Invalidating(endpoint, cache, record.name, proxy.upstream)
        yield Route(
            plugin=record.name,
            kind="proxy",
            methods=proxy.methods,
            template=_template(record, proxy.path),
            endpoint=endpoint,
            name=proxy.name,
            summary=proxy.summary,
            policy=_policy(proxy.path, proxy.policy),
            rate=proxy.rate or _rate(proxy.methods),
            action=_action(record, proxy.methods, proxy.name, proxy.action),
            upstream=proxy.upstream,
            doc=proxy.doc,
            allow_encoded_separators=proxy.allow_encoded_separators,
        )


def _check_cache(proxy: ProxyRoute) -> None:
    """Raise for a route whose answers can't be kept, or not for everybody."""
    if not proxy.methods <= {"GET", "HEAD"}:
        raise PluginError(f"route {proxy.path}: only GET can be cached")
    if proxy.capture is not None:
        raise PluginError(f"route {proxy.path}: what is captured can't be cached")
    if proxy.vet is not None:
        raise PluginError(f"route {proxy.path}: what is vetted can't be cached")
    if proxy.cache is not None and proxy.cache.shared:
        if proxy.headers.credentials == "forward":
            raise PluginError(f"route {proxy.path}: what depends on the caller's credentials can't be shared")
        if proxy.headers.identity:
            raise PluginError(f"route {proxy.path}: what the upstream answers to a caller it knows can't be shared")


def _websockets(record: PluginRecord, spec: PluginSpec, pools: dict[str, Pool], settings: Settings) -> Iterable[Route]:
    trusted = _trusted(settings)
    for socket in spec.websockets:
        for field in ("idle_timeout", "handshake_timeout", "max_connections"):
            if (value := getattr(socket, field)) is not None and value <= 0:
                raise PluginError(f"WebSocket route {socket.path}: {field} must be more than 0")
        yield Route(
            plugin=record.name,
            kind="websocket",
            methods=frozenset({WEBSOCKET}),
            template=_template(record, socket.path),
            endpoint=WebSocketRelay(socket, _pool_of(socket, pools), trusted=trusted),
            name=socket.name,
            summary=socket.summary,
            policy=_policy(socket.path, socket.policy),
            rate=socket.rate or "stream",
            action=socket.action,
            upstream=socket.upstream,
            allow_encoded_separators=socket.allow_encoded_separators,
        )


def _sockets(record: PluginRecord, spec: PluginSpec, settings: Settings) -> Iterable[Route]:
    proxies = ClientAddress(settings.gateway.trusted_proxies)
    for socket in spec.sockets:
        yield Route(
            plugin=record.name,
            kind="websocket",
            methods=frozenset({WEBSOCKET}),
            template=_template(record, socket.path),
            endpoint=SocketEndpoint(socket.app, socket.origins, proxies.comes_from_one),
            name=socket.name,
            summary=socket.summary,
            policy=_policy(socket.path, socket.policy),
            rate=socket.rate or "stream",
            action=socket.action,
        )


def _pool_of(route: ProxyRoute | WebSocketRoute, pools: dict[str, Pool]) -> Pool:
    if route.upstream not in pools:
        known = ", ".join(sorted(pools)) or "none"
        raise PluginError(f"route {route.path}: no upstream {route.upstream!r} is declared (there are: {known})")
    return pools[route.upstream]


def _trusted(settings: Settings) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in settings.gateway.trusted_proxies)


def _streams(record: PluginRecord, spec: PluginSpec) -> Iterable[Route]:
    for stream in spec.streams:
        _check_methods(stream.path, stream.methods)
        yield Route(
            plugin=record.name,
            kind="stream",
            methods=stream.methods,
            template=_template(record, stream.path),
            endpoint=stream.app,
            name=stream.name,
            summary=stream.summary,
            policy=_policy(stream.path, stream.policy),
            rate=stream.rate or _rate(stream.methods, reading="stream"),
            action=_action(record, stream.methods, stream.name, stream.action),
            doc=stream.doc,
        )


def _ui(record: PluginRecord, spec: PluginSpec) -> Iterable[Route]:
    if spec.ui is None:
        return
    app = StaticUIApp(spec.ui)
    check_additions(spec.ui.csp)
    for path in spec.ui.paths:
        if (fault := ui_path_fault(path, record.prefix)) is not None:
            raise PluginError(f"UI path {path!r}: {fault}")
        for template in (path, path + "/{path:path}"):
            yield Route(
                plugin=record.name,
                kind="ui",
                methods=frozenset({"GET"}),
                template=template,
                endpoint=app,
                name=spec.ui.title,
                policy=_policy(path, spec.ui.policy),
                rate="ui",
            )


def _handlers(record: PluginRecord, spec: PluginSpec, endpoint: ASGIApp) -> tuple[Router | None, list[Route]]:
    if not spec.handlers:
        return None, []
    handlers = cast("list[ControllerRouterHandler]", list(spec.handlers))
    router = Router(path=record.prefix, route_handlers=handlers, tags=[record.name])
    trial = try_litestar([router])
    routes: list[Route] = []
    seen: set[Router] = set()
    for declared in trial.routes:
        if not declared.path.startswith(record.prefix):
            continue
        if not isinstance(declared, HTTPRoute):
            raise PluginError(f"{declared.path}: only HTTP handlers are served; long-lived answers are streams")
        for handler in declared.route_handlers:
            _refuse_hidden(record, handler, seen)
            routes += _handler_routes(record, declared.path, handler, endpoint)
    return router, routes


def _handler_routes(record: PluginRecord, path: str, handler: HTTPRouteHandler, endpoint: ASGIApp) -> Iterable[Route]:
    # OPTIONS the gateway answers for every path.
    if methods := frozenset(str(method) for method in handler.http_methods) - {"OPTIONS"}:
        yield Route(
            plugin=record.name,
            kind="handler",
            methods=methods,
            template=path.rstrip("/"),
            endpoint=endpoint,
            name=handler.handler_name,
            summary=handler.summary or "",
            policy=_policy(path, handler.opt.get("policy")),
            rate=handler.opt.get("rate") or _rate(methods),
            action=_action(record, methods, handler.handler_name, handler.opt.get("action")),
            doc=_typed(handler.opt.get("doc") or RouteDoc(), handler),
        )


def _typed(doc: RouteDoc, handler: HTTPRouteHandler) -> RouteDoc:
    """The document of a handler's route, with the types that its signature names."""
    data, answer = handler.parsed_data_field, handler.parsed_return_field
    return msgspec.structs.replace(
        doc,
        request=_of_type(doc.request, data and data.annotation),
        response=_of_type(doc.response, answer.annotation),
    )


def _of_type(body: Body | None, annotation: object) -> Body | None:
    if annotation is None or (body is not None and body.type is not None):
        return body
    if not _is_json(annotation):
        return body  # Litestar's own description stays
    return msgspec.structs.replace(body or Body(), type=annotation)


@functools.cache
def _is_json(annotation: object) -> bool:
    try:
        msgspec.json.schema(annotation)
    except (TypeError, ValueError):
        return False
    return True


def _refuse_hidden(record: PluginRecord, handler: HTTPRouteHandler, seen: set[Router]) -> None:
    """Of two handlers for one method and path Litestar silently keeps one; the routers they came from have both.
    `seen`: the routers that were looked through."""
    owner = handler.owner
    while isinstance(owner, Router) and not isinstance(owner, Litestar) and owner not in seen:
        seen.add(owner)
        for declared in owner.routes:
            if isinstance(declared, HTTPRoute) and len(declared.route_handlers) > 1:
                table = RouteTable()
                for one in declared.route_handlers:
                    for route in _handler_routes(record, declared.path, one, _nowhere):
                        table.add(route)
        owner = owner.owner


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """An endpoint that is never served."""
