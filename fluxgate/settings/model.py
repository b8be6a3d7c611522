"""The gateway's own settings as structs. `fluxgate init` and docs/configuration.md are made from their descriptions.

A struct's `__post_init__` may raise `ValueError("field: what is wrong")`; the error then points at that field. Plugins'
structs may do so too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fluxgate.settings.audit import AuditSettings
from fluxgate.settings.auth import AuthSettings
from fluxgate.settings.browser import BrowserSettings
from fluxgate.settings.limits import LimitSettings
from fluxgate.settings.sources import Sources
from fluxgate.settings.telemetry import TelemetrySettings
from fluxgate.settings.urls import check_http_url
from fluxgate.settings.vault import VaultSettings

__all__ = ["DatabaseSettings", "GatewaySettings", "MigrationMode", "Sections", "Settings"]

MigrationMode = Literal["auto", "check", "off"]

DATA_DIR = Path("fluxgate-data")
DATABASE_FILE = "fluxgate.sqlite"
SQLITE_PREFIX = "sqlite:///"
POSTGRES_SCHEMES = ("postgresql://", "postgres://")


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway listens, which plugins it serves, and how it runs."""

    host: Annotated[
        str, Meta(min_length=1, description="Address to listen on; `0.0.0.0` or `::` for every network interface.")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port to listen on; 0 takes a free one and prints it.")] = (
        8080
    )
    public_url: Annotated[
        str | None,
        Meta(
            description="The URL under which people reach the gateway, if it isn't host and port.",
            examples=["https://gateway.example.org"],
        ),
    ] = None
    enabled: Annotated[
        tuple[str, ...] | None,
        Meta(description="Names of the plugins to serve; if not set, every installed one.", examples=[["printing"]]),
    ] = None
    strict: Annotated[
        bool, Meta(description="Refuse to start when a plugin fails, instead of quarantining it and serving the rest.")
    ] = False
    data_dir: Annotated[
        Path,
        Meta(
            description="Folder for the embedded database and the plugins' files; made if missing. "
            "Relative to the configuration file's folder."
        ),
    ] = DATA_DIR
    migrate: Annotated[
        MigrationMode | None,
        Meta(
            description="At start-up: `auto` applies pending migrations, `check` refuses to start with pending ones, "
            "`off` doesn't look. If not set: `auto` on SQLite, `check` on PostgreSQL.",
            examples=["auto"],
        ),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least level that is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["console", "json"],
        Meta(description="`console` for people, `json` for log collectors (a record a line)."),
    ] = "console"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks (CIDR) of the load balancers before the gateway. "
            "Only they are believed in `X-Forwarded-*`.",
            examples=[["10.0.0.0/8"]],
        ),
    ] = ()
    max_header_bytes: Annotated[
        int, Meta(ge=1024, le=1_048_576, description="Largest request head (request line and header fields) in bytes.")
    ] = 65_536
    max_connections: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Client connections open at once; more are answered 503.")
    ] = 4096
    cache_bytes: Annotated[
        int,
        Meta(ge=0, description="Memory in bytes for answers that proxy routes keep for a moment; oldest go first."),
    ] = 67_108_864
    start_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="Seconds that a plugin is given to start (its migrations not counted) before it is quarantined "
            "and tried again.",
        ),
    ] = 60.0
    drain_delay: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="Seconds after SIGTERM for which the gateway goes on taking requests while its readiness says "
            "that it ends, so that load balancers stop sending some before they are refused.",
        ),
    ] = 0.0
    shutdown_timeout: Annotated[
        float, Meta(ge=0, le=3600, description="Seconds that requests in flight are then given to finish.")
    ] = 30.0

    def __post_init__(self) -> None:
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f"trusted_proxies: {error}") from None
        if self.public_url is not None:
            check_http_url(self.public_url, "public_url")


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The database of all plugins: an embedded SQLite file, or a PostgreSQL server."""

    url: Annotated[
        str,
        Meta(
            description="`sqlite:///relative/file`, `sqlite:////absolute/file` or "
            "`postgresql://user:password@host:5432/name`. By default `fluxgate.sqlite` in `gateway.data_dir`."
        ),
    ] = f"{SQLITE_PREFIX}{DATA_DIR}/{DATABASE_FILE}"
    pool_size: Annotated[int, Meta(ge=1, le=1000, description="Most connections to PostgreSQL.")] = 10
    connect_timeout: Annotated[
        float, Meta(gt=0, le=600, description="Seconds until a database that doesn't answer counts as down.")
    ] = 5.0

    def __post_init__(self) -> None:
        if self.url.startswith(SQLITE_PREFIX):
            if not self.sqlite_path.name or str(self.sqlite_path) == ":memory:":
                raise ValueError("url: a SQLite database needs a file: `sqlite:///path/to/file`")
        elif not self.url.startswith(POSTGRES_SCHEMES):
            raise ValueError("url: must begin with `sqlite:///` or `postgresql://`")

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.url.startswith(SQLITE_PREFIX)

    @property
    def sqlite_path(self) -> Path:
        """The SQLite file; only meaningful if `is_sqlite`."""
        return Path(self.url.removeprefix(SQLITE_PREFIX))


class Sections(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document's top level. The plugins' sections are decoded by their own types later."""

    gateway: GatewaySettings = GatewaySettings()
    database: DatabaseSettings = DatabaseSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    audit: AuditSettings = AuditSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    browser: BrowserSettings = BrowserSettings()
    vault: VaultSettings = VaultSettings()
    plugins: dict[str, Any] = {}

    @classmethod
    def own(cls) -> dict[str, type[msgspec.Struct]]:
        """The gateway's own sections, by name, in the order in which they are documented."""
        return {field.name: field.type for field in msgspec.structs.fields(cls) if field.name != "plugins"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything configured. `load_settings` makes one with absolute paths; tests may construct their own.

    `plugins` holds each plugin's section as it was written; `decode_plugin_settings` makes the plugin's struct of it.
    `sources` knows which file and line a key came from.
    """

    gateway: GatewaySettings = GatewaySettings()
    database: DatabaseSettings = DatabaseSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    audit: AuditSettings = AuditSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    browser: BrowserSettings = BrowserSettings()
    vault: VaultSettings = VaultSettings()
    plugins: Mapping[str, Mapping[str, Any]] = {}
    sources: Sources = Sources()

    @property
    def migration_mode(self) -> MigrationMode:
        """What start-up does about migrations, the database's default filled in."""
        return self.gateway.migrate or ("auto" if self.database.is_sqlite else "check")
