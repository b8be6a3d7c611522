"""CORS and security headers of one gateway, behind one object.

All fields are made beforehand or remembered: by kind of route and plugin, and, where origins are allowed, by the
origin that asks.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fluxgate.address import ClientAddress
from fluxgate.answer import BrowserFields
from fluxgate.browser.cors import Cors
from fluxgate.browser.csp import data_policy, framing_policy, ui_policy
from fluxgate.browser.origins import Origins, origin_of_url
from fluxgate.plugin import StaticUI
from fluxgate.routing import Route, RouteTable
from fluxgate.settings import Settings
from fluxgate.types import Scope

__all__ = ["Browser"]

logger = logging.getLogger("fluxgate.browser")

_REMEMBERED = 1024
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_REFERRER = (b"referrer-policy", b"same-origin")
_DENY = (b"x-frame-options", b"DENY")
_SAME_ORIGIN = (b"x-frame-options", b"SAMEORIGIN")
_OPENER = (b"cross-origin-opener-policy", b"same-origin")
_OWN_RESOURCE = (b"cross-origin-resource-policy", b"same-origin")
_SHARED_RESOURCE = (b"cross-origin-resource-policy", b"cross-origin")

_Asked = tuple[str, str, bytes, bool, bool]
"""Route's kind, plugin, allowed origin for CORS, whether an allowed page embeds it, whether over https."""


class Browser:
    """One per gateway. `uis`: each plugin's web UI, None for one that has none."""

    def __init__(self, settings: Settings, uis: Mapping[str, StaticUI | None]) -> None:
        self._settings = settings.browser
        self._uis = uis
        self._clients = ClientAddress(settings.gateway.trusted_proxies)
        self._origins = Origins(settings.browser.origins)
        self._cors = Cors(settings.browser, self._origins) if self._origins else None
        self._hsts = settings.browser.hsts_seconds > 0
        for plugin in settings.browser.frame_ancestors.keys() - uis.keys():
            logger.warning("browser.frame_ancestors.%s: there is no such plugin", plugin)
        self._fields: dict[_Asked, BrowserFields] = {}

    def preflight(self, scope: Scope, table: RouteTable) -> BrowserFields | None:
        """The fields that answer a CORS preflight; None if the request isn't one, or asks for what isn't allowed."""
        told = None if self._cors is None else self._cors.preflight(scope, table)
        return None if told is None else BrowserFields(always=tuple(told))

    def fields(self, scope: Scope, route: Route | None) -> BrowserFields:
        """What every answer carries besides its own fields; `route` is None where none was found."""
        asked_by = b""
        embeds = False
        if self._cors is not None:
            asked_by, embeds = self._allowed(scope)
        https = self._hsts and self._clients.scheme(scope) == "https"
        asked = (
            ("gateway", "", asked_by, embeds, https)
            if route is None
            else (route.kind, route.plugin, asked_by, embeds, https)
        )
        found = self._fields.get(asked)
        if found is None:
            if len(self._fields) >= _REMEMBERED:
                self._fields.clear()
            found = self._fields[asked] = self._made(*asked)
        return found

    def _allowed(self, scope: Scope) -> tuple[bytes, bool]:
        """The allowed origin that asks by CORS, and whether a page of an allowed one embeds the answer: a picture is
        asked for without `Origin`, so there it is `Referer` that tells."""
        origin = referer = b""
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
            elif name == b"referer":
                referer = value
        if origin:
            allowed = self._origins.allow(origin)
            return (origin if allowed else b""), allowed
        return b"", self._origins.everyone or (bool(referer) and self._origins.allow(origin_of_url(referer)))

    def _made(self, kind: str, plugin: str, asked_by: bytes, embeds: bool, https: bool) -> BrowserFields:
        settings = self._settings
        ancestors = settings.frame_ancestors.get(plugin, ())
        defaults = [_NOSNIFF, _REFERRER, _SHARED_RESOURCE if embeds else _OWN_RESOURCE]
        page = kind in {"ui", "proxy"}
        if kind == "ui":
            ui = self._uis.get(plugin)
            policy = ui_policy(ui.csp if ui is not None else {}, ancestors)
            framing = framing_policy(("'self'", *ancestors))
            # A page that is opened from a sandboxed frame, as a popup, can't have an opener policy at all.
            defaults += [] if ancestors else [_SAME_ORIGIN, _OPENER]
        else:
            framed_by = ancestors if page else ()
            policy, framing = data_policy(framed_by), framing_policy(framed_by)
            defaults += [] if framed_by else [_DENY]
        defaults.append((b"content-security-policy", policy.encode("ascii")))
        if page and settings.permissions_policy:
            defaults.append((b"permissions-policy", settings.permissions_policy.encode("ascii")))
        if https:
            subdomains = b"; includeSubDomains" if settings.hsts_subdomains else b""
            defaults.append((b"strict-transport-security", b"max-age=%d" % settings.hsts_seconds + subdomains))
        always = [] if self._cors is None else self._cors.fields(asked_by)
        return BrowserFields(
            defaults=tuple(defaults),
            always=tuple(always),
            framing=(b"content-security-policy", framing.encode("ascii")),
        )
