"""The kit that plugin authors test with: their plugin in a real gateway, in the test's own process.

    async with running_gateway(plugin_record(fluxgate_hello.plugin, "hello", settings={"greeting": "Ahoy"})) as gateway:
        answer = await gateway.client.get("/api/hello/greet/Ada")

`running_gateway` speaks ASGI: fast, but an answer arrives whole, so a stream never does. `serving_gateway` listens on
a loopback port and is what to test streams, uploads and disconnects against. Both start the plugins' lifespans and
migrations, on a SQLite file of their own unless told otherwise, and stop them at the end. Both are strict: a plugin
that fails raises PluginError with the reason, unless `strict=False` asks for quarantine.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from fluxgate.app import Gateway, build
from fluxgate.errors import PluginError
from fluxgate.plugin import PluginSpec
from fluxgate.plugins.loading import load_module
from fluxgate.plugins.record import PluginRecord
from fluxgate.plugins.runner import Timing
from fluxgate.plugins.validation import check_types
from fluxgate.server import make_server
from fluxgate.settings import DatabaseSettings, GatewaySettings, LimitSettings, Settings
from fluxgate.settings.limits import DEFAULT_RATES

__all__ = [
    "NO_RATES",
    "RunningGateway",
    "ServingGateway",
    "Timing",
    "plugin_record",
    "running_gateway",
    "serving_gateway",
]

NO_RATES = LimitSettings(rates=dict.fromkeys(DEFAULT_RATES, "unlimited"))
"""The limits of a test's gateway unless it asks for others: no caller is ever refused for calling too often."""

BASE_URL = "http://gateway.test"
_LONGEST = 30.0


class RunningGateway(msgspec.Struct, frozen=True):
    """`client` asks the gateway; relative URLs start at its root. `data_dir` is the plugins' and the database's."""

    gateway: Gateway
    client: httpx.AsyncClient
    data_dir: Path


class ServingGateway(msgspec.Struct, frozen=True):
    """`url` is `http://127.0.0.1:<port>`. The gateway runs in a thread; `gateway` is to be looked at only."""

    gateway: Gateway
    url: str
    data_dir: Path


def plugin_record(
    plugin: object,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> PluginRecord:
    """A plugin as if it were installed under `name`.

    `plugin`: its module, any object with the hooks, or a bare PluginSpec. `settings`: its section as it would stand in
    `fluxgate.toml`. `environ`: the variables that the plugin's settings see, in place of the process's own.

    A plugin that can't be loaded is returned in quarantine, with the reason in `record.quarantine`.
    """
    record = PluginRecord(name)
    if not isinstance(plugin, PluginSpec):
        load_module(record, plugin, Settings(plugins={name: settings or {}}), environ or {})
        return record
    if settings:
        raise ValueError("a PluginSpec takes no settings: give the module with its hooks")
    try:
        check_types(plugin)
    except PluginError as error:
        record.fail("declaration", error)
        return record
    record.spec = plugin
    record.version = plugin.version
    return record


@asynccontextmanager
async def running_gateway(
    *records: PluginRecord,
    database_url: str | None = None,
    strict: bool = True,
    timing: Timing | None = None,
    limits: LimitSettings = NO_RATES,
) -> AsyncIterator[RunningGateway]:
    """A started gateway with these plugins, and a client that asks it without a network."""
    with _built(records, database_url, strict=strict, timing=timing, limits=limits) as (gateway, data_dir):
        await gateway.startup()
        try:
            # An exception in a handler is the gateway's to answer, never the transport's to raise.
            transport = httpx.ASGITransport(gateway, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
                yield RunningGateway(gateway, client, data_dir)
        finally:
            await gateway.shutdown()


@contextmanager
def serving_gateway(
    *records: PluginRecord,
    database_url: str | None = None,
    strict: bool = True,
    timing: Timing | None = None,
    limits: LimitSettings = NO_RATES,
) -> Iterator[ServingGateway]:
    """A started gateway with these plugins that listens on a free port of 127.0.0.1, in a thread with its own loop."""
    with _built(records, database_url, strict=strict, timing=timing, limits=limits) as (gateway, data_dir):
        ports: list[int] = []
        settled = threading.Event()

        def listening(host: str, port: int) -> None:
            ports.append(port)
            settled.set()

        server = make_server(gateway, gateway.settings.gateway, listening)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]

        def serve() -> None:
            try:
                # uvicorn exits when the start fails; the reason is told below.
                with contextlib.suppress(SystemExit):
                    server.run()
            finally:
                settled.set()

        thread = threading.Thread(target=serve, name="gateway", daemon=True)
        thread.start()
        settled.wait()
        try:
            if not ports:
                thread.join(_LONGEST)
                raise PluginError(f"the gateway didn't start: {_failures(gateway) or 'its log says why'}")
            yield ServingGateway(gateway, f"http://127.0.0.1:{ports[0]}", data_dir)
        finally:
            server.should_exit = True
            thread.join(_LONGEST)
            if thread.is_alive():
                raise RuntimeError("the gateway didn't stop; its log says what it waits for")


@contextmanager
def _built(
    records: tuple[PluginRecord, ...],
    database_url: str | None,
    *,
    strict: bool,
    timing: Timing | None,
    limits: LimitSettings,
) -> Iterator[tuple[Gateway, Path]]:
    with tempfile.TemporaryDirectory(prefix="fluxgate-testing-") as folder:
        data_dir = Path(folder)
        settings = Settings(
            gateway=GatewaySettings(port=0, data_dir=data_dir, strict=strict, migrate="auto", shutdown_timeout=5),
            database=DatabaseSettings(url=database_url or f"sqlite:///{data_dir / 'fluxgate.sqlite'}"),
            limits=limits,
        )
        yield build(settings, records, timing=timing), data_dir


def _failures(gateway: Gateway) -> str:
    return "; ".join(
        f"{record.name} ({record.quarantine.stage}): {record.quarantine.reason}"
        for record in gateway.host.records
        if record.quarantine is not None
    )
