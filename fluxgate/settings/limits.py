"""`[limits]`: how much one caller, one plugin, one request may take."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from fluxgate.settings.rate import Rate, parse_rate

__all__ = ["DEFAULT_RATES", "LimitSettings", "PluginLimits", "UpstreamLimits"]

DEFAULT_RATES = {
    "read": "18000/m",
    "write": "300/m",
    "upload": "60/m",
    "stream": "6000/m",
    "ui": "18000/m",
}

_CLASS = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})


class UpstreamLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one upstream of a plugin, in place of those that the plugin declares."""

    max_connections: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="Requests that the upstream is given at once, each on a connection of its own."),
    ] = None
    max_streams: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="How many of these may be streams; by default half of them."),
    ] = None
    max_waiting: Annotated[
        Annotated[int, Meta(ge=0, le=100_000)] | None,
        Meta(description="Requests that wait for one of these connections; more are answered 503."),
    ] = None


class PluginLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plugin's own limits, in place of the general ones; the plugin's name stands for `name`."""

    max_running: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="Requests of the plugin that run at once; by default `limits.max_running`."),
    ] = None
    max_streams: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="Streams of the plugin that are open at once; by default `limits.max_streams`."),
    ] = None
    upstreams: dict[str, UpstreamLimits] = {}


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much one caller, one plugin, one request may take. docs/limits.md explains."""

    rates: Annotated[
        dict[str, str],
        Meta(
            description="Requests that one caller may make, by class of route: `600/m` is 600 a minute (`s`, `m`, `h`, "
            "`d`), `600/m burst 50` lets 50 of them come at once. A class that isn't named keeps its default; "
            "`unlimited` lifts it. Plugins may have classes of their own."
        ),
    ] = msgspec.field(default_factory=DEFAULT_RATES.copy)
    redis: Annotated[
        str | None,
        Meta(
            description="A Redis server on which several gateways count together; if not set, each counts for itself.",
            examples=["redis://localhost:6379/0"],
        ),
    ] = None
    redis_down: Annotated[
        Literal["memory", "allow", "refuse"],
        Meta(
            description="While Redis is down: `memory` counts in this process, `allow` counts nothing, "
            "`refuse` answers 503."
        ),
    ] = "memory"
    redis_timeout: Annotated[
        float, Meta(gt=0, le=10, description="Seconds after which a silent Redis counts as down.")
    ] = 0.1
    max_running: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Requests of one plugin that run at once, streams not counted.")
    ] = 512
    max_streams: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Streams (cameras, events, WebSockets) of one plugin open at once.")
    ] = 2048
    max_waiting: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="Requests of one plugin that wait for their turn; more get 503."),
    ] = 256
    max_wait: Annotated[
        float, Meta(ge=0, le=60, description="Seconds that a request waits for a place before it is answered 503.")
    ] = 1.0
    max_target_bytes: Annotated[
        int, Meta(ge=256, le=1_048_576, description="Longest request target (path and query) in bytes; more is 414.")
    ] = 8192
    max_fields: Annotated[
        int, Meta(ge=10, le=10_000, description="Most header fields of a request; more is answered 431.")
    ] = 200
    max_query_parameters: Annotated[
        int, Meta(ge=1, le=10_000, description="Most query parameters of a request; more is answered 400.")
    ] = 256
    max_body: Annotated[
        int,
        Meta(
            ge=1024,
            le=1_073_741_824,
            description="Largest body in bytes that a handler takes; proxy routes and uploads have their own limits.",
        ),
    ] = 4_194_304
    max_json_depth: Annotated[
        int, Meta(ge=1, le=500, description="How deep arrays and objects may nest in a handler's JSON body.")
    ] = 64
    max_connections_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Connections that one client address (IPv6: one /64) may have open, trusted proxies excepted; "
            "more are answered 503.",
        ),
    ] = 1024
    head_timeout: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds in which a request's head must come, from its first byte.")
    ] = 30.0
    keepalive_timeout: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds that a connection may be idle between two requests.")
    ] = 75.0
    min_upload_rate: Annotated[
        int,
        Meta(ge=0, le=1_000_000_000, description="Bytes a second that a request's body must come with; 0: any."),
    ] = 240
    min_download_rate: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000,
            description="Bytes a second that a client must read an answer with, streams excepted; 0: any.",
        ),
    ] = 240
    slow_grace: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds over which the two rates are measured, again and again.")
    ] = 10.0
    plugins: dict[str, PluginLimits] = {}

    def __post_init__(self) -> None:
        for name, text in self.rates.items():
            if _CLASS.fullmatch(name) is None:
                raise ValueError(f"rates: {name!r} is no name of a class (small letters, digits, `_`, `-`, `.`)")
            try:
                parse_rate(text)
            except ValueError as error:
                raise ValueError(f"rates: {name}: {error}") from None
        if self.redis is not None:
            try:
                scheme = urlsplit(self.redis).scheme
            except ValueError:
                scheme = ""
            if scheme not in _REDIS_SCHEMES:
                raise ValueError("redis: must begin with `redis://`, `rediss://` or `unix://`")

    def all_rates(self) -> dict[str, Rate]:
        """The rate of every class that is limited."""
        merged = {**DEFAULT_RATES, **self.rates}
        return {name: rate for name, text in merged.items() if (rate := parse_rate(text)) is not None}
