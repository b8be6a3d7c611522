"""The kit that plugin authors test with: their plugin in a real gateway, in the test's own process.

    async with running_gateway(plugin_record(fluxgate_hello.plugin, "hello", settings={"greeting": "Ahoy"})) as gateway:
        answer = await gateway.client.get("/api/hello/greet/Ada")

`running_gateway` speaks ASGI: fast, but an answer arrives whole, so a stream never does. `serving_gateway` listens on
a loopback port and is what to test streams, uploads and disconnects against. Both start the plugins' lifespans and
migrations, on a SQLite file of their own unless told otherwise, and stop them at the end. Both are strict: a plugin
that fails raises PluginError with the reason, unless `strict=False` asks for quarantine.

The gateway is open, unless it is told to ask who its callers are:

    async with running_gateway(record, principal=Principal(id="ada", roles=frozenset({"viewer"}))) as gateway:
        ...  # the client's requests are Ada's, with a real token

    issuer = TokenIssuer()
    async with running_gateway(record, issuer=issuer) as gateway:
        await gateway.client.get("/api/hello/mine", headers=issuer.headers(ada))
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fluxgate.app import Gateway, build
from fluxgate.errors import PluginError
from fluxgate.plugin import PluginSpec
from fluxgate.plugins.loading import load_module
from fluxgate.plugins.record import PluginRecord
from fluxgate.plugins.runner import Timing
from fluxgate.plugins.validation import check_types
from fluxgate.principal import Principal
from fluxgate.server import make_server
from fluxgate.settings import AuthSettings, ClaimSettings, DatabaseSettings, JwtSettings, LimitSettings, Settings
from fluxgate.settings.limits import DEFAULT_RATES

__all__ = [
    "NO_RATES",
    "RunningGateway",
    "ServingGateway",
    "Timing",
    "TokenIssuer",
    "plugin_record",
    "running_gateway",
    "serving_gateway",
]

NO_RATES = LimitSettings(rates=dict.fromkeys(DEFAULT_RATES, "unlimited"))
"""The limits of a test's gateway unless it asks for others: no caller is ever refused for calling too often."""

_HOST = "gateway.test"
BASE_URL = f"http://{_HOST}"
_LONGEST = 30.0


class RunningGateway(msgspec.Struct, frozen=True):
    """`client` asks the gateway; relative URLs start at its root. `data_dir` is the plugins' and the database's."""

    gateway: Gateway
    client: httpx.AsyncClient
    data_dir: Path


class TokenIssuer:
    """An identity provider with a key of its own, whose tokens a gateway under test takes."""

    URL = "https://issuer.test"
    AUDIENCE = "fluxgate"

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    @property
    def settings(self) -> JwtSettings:
        """`[auth.jwt]` of a gateway that takes this issuer's tokens."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return JwtSettings(
            issuer=self.URL,
            audience=(self.AUDIENCE,),
            public_key=pem.decode("ascii"),
            claims=ClaimSettings(scopes="scope", scopes_optional=True),
        )

    def token(self, principal: Principal, *, lifetime: float = 300.0, **claims: object) -> str:
        """A token by which the gateway knows `principal`, for `lifetime` seconds. `claims` are added to its own."""
        now = int(time.time())
        own: dict[str, object] = {
            "iss": self.URL,
            "aud": self.AUDIENCE,
            "iat": now,
            "exp": int(now + lifetime),
            "sub": principal.id,
            "name": principal.name,
            "roles": sorted(principal.roles),
            "groups": sorted(principal.groups),
        }
        if principal.scopes is not None:
            own["scope"] = " ".join(sorted(principal.scopes))
        return jwt.encode({**own, **claims}, self._key, algorithm="EdDSA")

    def headers(self, principal: Principal) -> dict[str, str]:
        """The header field of a request that `principal` makes."""
        return {"Authorization": f"Bearer {self.token(principal)}"}


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
    settings: Settings = Settings(),  # noqa: B008 - frozen
    issuer: TokenIssuer | None = None,
    principal: Principal | None = None,
    limits: LimitSettings = NO_RATES,
) -> AsyncIterator[RunningGateway]:
    """A started gateway with these plugins, and a client that asks it without a network.

    `settings`: beyond what the kit itself sets (port, folder, database, migrations, limits). `issuer`: whose tokens are
    taken; `principal`: whose requests the client makes, with a token of `issuer` or of one made for it.
    """
    if principal is not None and issuer is None:
        issuer = TokenIssuer()
    headers = issuer.headers(principal) if principal is not None and issuer is not None else {}
    settings = msgspec.structs.replace(settings, limits=limits)
    with _built(records, database_url, settings, issuer, strict=strict, timing=timing) as (gateway, data_dir):
        await gateway.startup()
        try:
            # An exception in a handler is the gateway's to answer, never the transport's to raise.
            transport = httpx.ASGITransport(gateway, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers) as client:
                yield RunningGateway(gateway, client, data_dir)
        finally:
            await gateway.shutdown()


@contextmanager
def serving_gateway(
    *records: PluginRecord,
    database_url: str | None = None,
    strict: bool = True,
    timing: Timing | None = None,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    issuer: TokenIssuer | None = None,
    limits: LimitSettings = NO_RATES,
) -> Iterator[ServingGateway]:
    """A started gateway with these plugins that listens on a free port of 127.0.0.1, in a thread with its own loop.

    `settings` and `issuer` as in `running_gateway`.
    """
    settings = msgspec.structs.replace(settings, limits=limits)
    with _built(records, database_url, settings, issuer, strict=strict, timing=timing) as (gateway, data_dir):
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
    settings: Settings,
    issuer: TokenIssuer | None,
    *,
    strict: bool,
    timing: Timing | None,
) -> Iterator[tuple[Gateway, Path]]:
    replace = msgspec.structs.replace
    with tempfile.TemporaryDirectory(prefix="fluxgate-testing-") as folder:
        data_dir = Path(folder)
        gateway = replace(
            settings.gateway, port=0, data_dir=data_dir, strict=strict, migrate="auto", shutdown_timeout=5
        )
        auth: AuthSettings = replace(settings.auth, allowed_hosts=(*settings.auth.allowed_hosts, _HOST))
        settings = replace(
            settings,
            gateway=gateway,
            database=DatabaseSettings(url=database_url or f"sqlite:///{data_dir / 'fluxgate.sqlite'}"),
            auth=auth if issuer is None else replace(auth, jwt=issuer.settings),
        )
        yield build(settings, records, timing=timing), data_dir


def _failures(gateway: Gateway) -> str:
    return "; ".join(
        f"{record.name} ({record.quarantine.stage}): {record.quarantine.reason}"
        for record in gateway.host.records
        if record.quarantine is not None
    )
