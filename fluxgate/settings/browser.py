"""`[browser]`: what pages of other origins may do with the gateway, and what its own pages may load."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["EVERY_ORIGIN", "BrowserSettings"]

EVERY_ORIGIN = "*"

_HOST = r"(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?|\[[0-9a-f:.]+\]"
_ORIGIN = re.compile(rf"https?://(?:\*\.)?(?:{_HOST})(?::[0-9]{{1,5}})?\Z")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_FIELD_VALUE = re.compile(r"[\x20-\x7e]*\Z")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Range",
    "Traceparent",
    "X-API-Key",
    "X-CSRF-Token",
    "X-Request-Id",
)
_EXPOSED = ("Content-Disposition", "Content-Range", "ETag", "Location", "Retry-After", "X-Request-Id")


class BrowserSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pages of other origins may do with the gateway, and what its own pages may load and be framed by. With none
    of these set, only pages of the gateway's own origin read its answers, embed its pictures or frame its pages."""

    origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Origins whose pages may call the gateway and embed its pictures (CORS): exact ones, or "
            "`https://*.example.org` for every host below. `*` is every page there is, without credentials.",
            examples=[["https://studio.example.org"]],
        ),
    ] = ()
    credentials: Annotated[
        bool,
        Meta(
            description="Let those pages use the browser's session. To change something with it they must be in "
            "`auth.trusted_origins` too."
        ),
    ] = True
    methods: Annotated[
        tuple[str, ...], Meta(description="Methods that those pages may use, where a route has them.")
    ] = _METHODS
    headers: Annotated[tuple[str, ...], Meta(description="Header fields that those pages may send.")] = _HEADERS
    expose: Annotated[
        tuple[str, ...], Meta(description="Header fields of answers that those pages may read, beside the usual ones.")
    ] = _EXPOSED
    max_age: Annotated[
        int, Meta(ge=0, le=86_400, description="Seconds for which a browser remembers what it was allowed.")
    ] = 600
    frame_ancestors: Annotated[
        dict[str, tuple[str, ...]],
        Meta(
            description="By plugin, the origins whose pages may frame its web UI and the pages that it forwards.",
            examples=[{"printing": ["https://studio.example.org"]}],
        ),
    ] = {}
    hsts_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=63_072_000,
            description="For how long browsers are told to use nothing but https here (Strict-Transport-Security), on "
            "answers that go over https. 0: they aren't told.",
        ),
    ] = 0
    hsts_subdomains: Annotated[bool, Meta(description="And on every host below this one.")] = False
    permissions_policy: Annotated[
        str, Meta(description="Permissions-Policy of web UIs and forwarded pages; empty for none.")
    ] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"

    def __post_init__(self) -> None:
        for origin in self.origins:
            if origin != EVERY_ORIGIN:
                _check_origin(origin, "origins")
        if EVERY_ORIGIN in self.origins and self.credentials:
            raise ValueError('origins: "*" needs `credentials = false`: every page there is could use the session')
        for plugin, ancestors in self.frame_ancestors.items():
            for origin in ancestors:
                _check_origin(origin, f"frame_ancestors.{plugin}")
        for field, names in (("methods", self.methods), ("headers", self.headers), ("expose", self.expose)):
            for name in names:
                if name == EVERY_ORIGIN or not _TOKEN.match(name):
                    raise ValueError(f"{field}: {name!r} is no name")
        if not _FIELD_VALUE.match(self.permissions_policy):
            raise ValueError("permissions_policy: must be printable ASCII")


def _check_origin(origin: str, field: str) -> None:
    if not _ORIGIN.match(origin):
        raise ValueError(
            f"{field}: {origin!r} is no origin: scheme, host in lower case and port if need be, without a path, "
            "such as `https://studio.example.org` or `https://*.example.org`"
        )
