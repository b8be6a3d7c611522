"""Plugins that fail, each in its own way, as sources of throw-away distributions. NAME stands for the plugin's name."""

from __future__ import annotations

from typing import NamedTuple

HEAD = """
from __future__ import annotations
import asyncio, contextlib, functools, msgspec
from pathlib import Path
from litestar import get, post
from fluxgate.hookspecs import hookimpl
from fluxgate import plugin
from fluxgate.plugin import *
from fluxgate.proxy import route
from fluxgate.proxy.route import Upstream
ProxyRoute = functools.partial(route.ProxyRoute, policy=PUBLIC)
StreamRoute = functools.partial(plugin.StreamRoute, policy=PUBLIC)
WebSocketRoute = functools.partial(route.WebSocketRoute, policy=PUBLIC)
GET = frozenset({"GET"})
@get("/ping", sync_to_thread=False, policy=PUBLIC)
def ping() -> str:
    return "pong"
"""

HEALTHY = (
    HEAD
    + """
@hookimpl
def fluxgate_plugin(settings) -> PluginSpec:
    return PluginSpec(title="Healthy", version="1", handlers=(ping,))
"""
)


def declaring(arguments: str, before: str = "") -> str:
    """A plugin whose declaration has a handler and these arguments more."""
    return f"""{HEAD}
{before}
@hookimpl
def fluxgate_plugin(settings) -> PluginSpec:
    return PluginSpec(title="Broken", version="1", {arguments})
"""


class Failure(NamedTuple):
    """A plugin's source, where it must fail, and a part of the reason that must be given."""

    source: str
    stage: str
    reason: str

    def named(self, name: str) -> Failure:
        """For the plugin of this name."""
        return Failure(self.source.replace("NAME", name), self.stage, self.reason.replace("NAME", name))


UI = "ui=StaticUI(policy=PUBLIC, directory=Path(__file__).parent / 'ui', paths=('/NAME-ui',))"
NO_PROXY = 'ProxyRoute(methods=GET, path="/a", upstream="up", upstream_path="/a")'
SOCKET = 'WebSocketRoute(path="/a", upstream="up", upstream_path="/a", {})'
UPSTREAM = 'upstreams=(Upstream(name="up", url="http://127.0.0.1:9"),)'
LIFESPAN = """
@contextlib.asynccontextmanager
async def lifespan(context):
    {body}
    yield
"""

AT_LOADING = {
    "import-error": Failure("import no_such_module_anywhere\n", "import", "no_such_module_anywhere"),
    "import-raises": Failure("raise RuntimeError('two\\nlines')\n", "import", "RuntimeError: two; lines"),
    "import-exits": Failure("raise SystemExit(0)\n", "import", "SystemExit"),
    "import-cancelled": Failure("import asyncio\nraise asyncio.CancelledError\n", "import", "CancelledError"),
    "syntax": Failure("def broken(:\n", "import", "SyntaxError"),
    "no-hook": Failure(HEAD, "declaration", "implements no fluxgate_plugin hook"),
    "unknown-hook": Failure(
        HEALTHY + "@hookimpl\ndef fluxgate_plugins(): pass\n", "declaration", "unknown hook 'fluxgate_plugins'"
    ),
    "unknown-hook-argument": Failure(
        HEAD + "@hookimpl\ndef fluxgate_plugin(settings, request): pass\n", "declaration", "{'request'}"
    ),
    "hook-raises": Failure(
        HEAD + "@hookimpl\ndef fluxgate_plugin(settings): 1/0\n", "declaration", "ZeroDivisionError"
    ),
    "hook-exits": Failure(
        HEAD + "@hookimpl\ndef fluxgate_plugin(settings): raise SystemExit\n", "declaration", "SystemExit"
    ),
    "hook-returns-nonsense": Failure(
        HEAD + "@hookimpl\ndef fluxgate_plugin(settings): return {}\n", "declaration", "PluginSpec, not dict"
    ),
    "settings-hook-returns-nonsense": Failure(
        HEALTHY + "@hookimpl\ndef fluxgate_settings(): return 5\n", "settings", "PluginSettings, not int"
    ),
    "settings-type-is-no-struct": Failure(
        HEALTHY + "@hookimpl\ndef fluxgate_settings(): return PluginSettings(type='x')\n",
        "settings",
        "PluginSettings.type: must be type, not str",
    ),
    "handlers-a-list": Failure(declaring("handlers=[ping]"), "declaration", "PluginSpec.handlers: must be a tuple"),
    "requires-a-string": Failure(
        declaring('requires="healthy"'), "declaration", "PluginSpec.requires: must be a frozenset, not str"
    ),
    "url-no-text": Failure(
        declaring('upstreams=(Upstream(name="up", url=5),)'), "declaration", "PluginSpec.upstreams[0].url: must be str"
    ),
    "ui-a-string": Failure(declaring('ui="dist"'), "declaration", "PluginSpec.ui: must be StaticUI, not str"),
    "template": Failure(
        declaring(
            f'{UPSTREAM}, proxy_routes=(ProxyRoute(methods=GET, path="/a/{{b", upstream="up", upstream_path="/"),)'
        ),
        "declaration",
        "whole-segment parameter",
    ),
    "template-beside-the-prefix": Failure(
        declaring(f'{UPSTREAM}, proxy_routes=(ProxyRoute(methods=GET, path="x", upstream="up", upstream_path="/"),)'),
        "declaration",
        "must start with '/'",
    ),
    "template-climbs": Failure(
        declaring(
            f'{UPSTREAM}, proxy_routes=(ProxyRoute(methods=GET, path="/../x", upstream="up", upstream_path="/"),)'
        ),
        "declaration",
        "dot segment",
    ),
    "upstream-template": Failure(
        declaring(
            f'{UPSTREAM}, proxy_routes=(ProxyRoute(methods=GET, path="/a", upstream="up", upstream_path="/{{no}}"),)'
        ),
        "declaration",
        "{no} isn't a parameter of '/a'",
    ),
    "upstream-unknown": Failure(
        declaring(f"proxy_routes=({NO_PROXY},)"), "declaration", "no upstream 'up' is declared (there are: none)"
    ),
    "websocket-upstream-unknown": Failure(
        declaring(f"websockets=({SOCKET.format('')},)"), "declaration", "no upstream 'up' is declared (there are: none)"
    ),
    "websocket-origin": Failure(
        declaring(f"{UPSTREAM}, websockets=({SOCKET.format('origins=frozenset({chr(120)})')},)"),
        "declaration",
        "'x' is not an origin",
    ),
    "websocket-origins-a-word": Failure(
        declaring(f"{UPSTREAM}, websockets=({SOCKET.format('origins=chr(120)')},)"),
        "declaration",
        "PluginSpec.websockets[0].origins: must be a frozenset",
    ),
    "websocket-never-idle": Failure(
        declaring(f"{UPSTREAM}, websockets=({SOCKET.format('idle_timeout=0')},)"),
        "declaration",
        "WebSocket route /a: idle_timeout must be more than 0",
    ),
    "websocket-twice": Failure(
        declaring(f"{UPSTREAM}, websockets=({SOCKET.format('')},) * 2"),
        "routes",
        "WEBSOCKET /api/NAME/a is already served",
    ),
    "upstream-twice": Failure(
        declaring(f"upstreams=({UPSTREAM.partition('(')[2].rstrip(',)')}),) * 2"), "declaration", "declared twice"
    ),
    "upstream-url": Failure(
        declaring('upstreams=(Upstream(name="up", url="localhost:5001"),)'), "declaration", "not an http:// or https://"
    ),
    "methods-a-word": Failure(
        declaring(f"{UPSTREAM}, proxy_routes=({NO_PROXY.replace('GET', 'frozenset(WORD)')},)", "WORD = 'GET'"),
        "declaration",
        "'E' is not a method",
    ),
    "methods-none": Failure(
        declaring("streams=(StreamRoute(path='/a', app=print, methods=frozenset()),)"),
        "declaration",
        "has no methods",
    ),
    "handler-not-one": Failure(declaring("handlers=(5,)"), "declaration", "ImproperlyConfiguredException"),
    "handler-unannotated": Failure(
        declaring("handlers=(bad,)", '@get("/bad", sync_to_thread=False, policy=PUBLIC)\ndef bad(x) -> str: return x'),
        "declaration",
        "'x' does not have a type annotation",
    ),
    "handler-websocket": Failure(
        declaring(
            "handlers=(bad,)",
            "from litestar import websocket, WebSocket\n"
            '@websocket("/ws")\nasync def bad(socket: WebSocket) -> None: ...',
        ),
        "declaration",
        "only HTTP handlers",
    ),
    "check-twice": Failure(
        declaring("health_checks=(HealthCheck(name='a', check=print),) * 2"), "declaration", "health check 'a'"
    ),
    "ui-without-index": Failure(declaring(UI.replace("'ui'", "'nowhere'")), "declaration", "no index.html"),
    "ui-elsewhere": Failure(declaring(UI.replace("/NAME-ui", "/api/healthy")), "declaration", "owns only /api/NAME"),
    "ui-over-the-gateway": Failure(
        declaring(UI.replace("/NAME-ui", "/-/health")), "declaration", "/-/ is the gateway's own"
    ),
    "ui-everything": Failure(declaring(UI.replace("/NAME-ui", "/")), "declaration", "not end with it"),
    "duplicate-proxy-routes": Failure(
        declaring(f"{UPSTREAM}, proxy_routes=({NO_PROXY},) * 2"), "routes", "GET /api/NAME/a is already served"
    ),
    "duplicate-handlers": Failure(
        declaring(
            "handlers=(one, two)",
            '@get("/x", sync_to_thread=False, policy=PUBLIC)\ndef one() -> str: return ""\n'
            '@get("/x", sync_to_thread=False, policy=PUBLIC)\ndef two() -> str: return ""',
        ),
        "routes",
        "GET /api/NAME/x is already served",
    ),
    "duplicate-handlers-in-a-router": Failure(
        declaring(
            "handlers=(Router(path='/a', route_handlers=[Router(path='/b', route_handlers=[one, two])]),)",
            "from litestar import Router\n"
            '@get("/x", sync_to_thread=False, policy=PUBLIC)\ndef one() -> str: return ""\n'
            '@get("/x", sync_to_thread=False, policy=PUBLIC)\ndef two() -> str: return ""',
        ),
        "routes",
        "is already served",
    ),
    "duplicate-handler-and-proxy": Failure(
        declaring(
            f"{UPSTREAM}, handlers=(ping,), "
            'proxy_routes=(ProxyRoute(methods=GET, path="/ping", upstream="up", upstream_path="/"),)'
        ),
        "routes",
        "GET /api/NAME/ping is already served",
    ),
    "requires-missing": Failure(
        declaring("requires=frozenset({'absent'})"), "order", "requires plugin 'absent', which isn't enabled"
    ),
    "cycle-with-itself": Failure(declaring("after=frozenset({'NAME'})"), "order", "NAME → NAME"),
}

AT_START = {
    "raises": Failure(
        declaring("lifespan=lifespan", LIFESPAN.format(body="raise RuntimeError('no printer')")),
        "startup",
        "RuntimeError: no printer",
    ),
    "exits": Failure(
        declaring("lifespan=lifespan", LIFESPAN.format(body="raise SystemExit(1)")), "startup", "SystemExit"
    ),
    "hangs": Failure(
        declaring("lifespan=lifespan", LIFESPAN.format(body="await asyncio.sleep(1000)")),
        "startup",
        "it didn't start within 0.5 s",
    ),
    "hangs-stubbornly": Failure(
        declaring(
            "lifespan=lifespan",
            """
@contextlib.asynccontextmanager
async def lifespan(context):
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)
    yield
""",
        ),
        "startup",
        "ignores its cancellation",
    ),
    "undecorated": Failure(
        declaring("lifespan=lifespan", "async def lifespan(context):\n    yield"), "startup", "TypeError"
    ),
    "migrations": Failure(declaring("piccolo_app='no_such_piccolo_app'"), "migrations", "no_such_piccolo_app"),
    "background-task": Failure(
        declaring(
            "lifespan=lifespan",
            """
async def work():
    raise RuntimeError("the worker died")
@contextlib.asynccontextmanager
async def lifespan(context):
    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        yield
""",
        ),
        "running",
        "ExceptionGroup",
    ),
    "check-down": Failure(
        declaring(
            "health_checks=(HealthCheck(name='link', check=check, critical=True),)",
            "async def check(): return CheckResult(status='down', detail='no link')",
        ),
        "check",
        "check 'link' is down: no link",
    ),
    "check-raises": Failure(
        declaring(
            "health_checks=(HealthCheck(name='link', check=check, critical=True),)",
            "async def check(): raise SystemExit('internal detail')",
        ),
        "check",
        "failed with SystemExit",
    ),
    "check-returns-nonsense": Failure(
        declaring(
            "health_checks=(HealthCheck(name='link', check=check, critical=True),)",
            "async def check(): return True",
        ),
        "check",
        "returned bool, not a CheckResult",
    ),
}
