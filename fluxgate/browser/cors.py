"""CORS: what pages of allowed origins are told, on answers and before them (preflight)."""

from __future__ import annotations

from fluxgate.browser.origins import Origins
from fluxgate.errors import ProblemError
from fluxgate.routing import RouteTable
from fluxgate.settings import BrowserSettings
from fluxgate.types import RawHeaders, Scope

__all__ = ["Cors"]

_VARY = (b"vary", b"Origin")
_PREFLIGHT_VARY = (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")


class Cors:
    """The rules of `[browser]`. A preflight is answered before anybody is asked who they are: it has no credentials."""

    def __init__(self, settings: BrowserSettings, origins: Origins) -> None:
        self._origins = origins
        self._credentials = settings.credentials
        self._methods = frozenset(method.upper() for method in settings.methods)
        self._expose = ", ".join(settings.expose).encode("ascii")
        self._headers = ", ".join(settings.headers).encode("ascii")
        self._max_age = b"%d" % settings.max_age

    def fields(self, origin: bytes) -> RawHeaders:
        """What an answer to a page of `origin` carries; empty `origin`: to one that isn't allowed, or to no page."""
        if not origin:
            return [_VARY]
        fields = [*self._allow(origin), _VARY]
        if self._expose:
            fields.append((b"access-control-expose-headers", self._expose))
        return fields

    def preflight(self, scope: Scope, table: RouteTable) -> RawHeaders | None:
        """The answer to a preflight; None if the request isn't one, or asks for what isn't allowed or isn't there."""
        if scope["method"] != "OPTIONS":
            return None
        origin = method = b""
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
            elif name == b"access-control-request-method":
                method = value
        wanted = method.decode("latin-1")
        if not origin or wanted not in self._methods or not self._origins.allow(origin):
            return None
        try:
            route = table.resolve(wanted, scope["raw_path"]).route
        except ProblemError:
            return None
        served = route.methods | {"HEAD"} if "GET" in route.methods else route.methods
        fields = [
            *self._allow(origin),
            (b"access-control-allow-methods", ", ".join(sorted(served & self._methods)).encode("ascii")),
            (b"access-control-allow-headers", self._headers),
            (b"access-control-max-age", self._max_age),
            _PREFLIGHT_VARY,
        ]
        return [field for field in fields if field[1]]

    def _allow(self, origin: bytes) -> RawHeaders:
        if self._origins.everyone:
            return [(b"access-control-allow-origin", b"*")]
        fields = [(b"access-control-allow-origin", origin)]
        if self._credentials:
            fields.append((b"access-control-allow-credentials", b"true"))
        return fields
