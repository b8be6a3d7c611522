"""Where a request comes from, as far as browsers tell: no page of another site may use this one's standing.

A browser sends cookies, and reaches an open gateway on its own machine, on behalf of whatever page it shows. Two things
give such a request away: `Sec-Fetch-Site` or `Origin`, which pages can't forge, and a `Host` that isn't one of the
gateway's names (a page whose own name was made to mean this machine: DNS rebinding).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from fluxgate.errors import ForbiddenError
from fluxgate.routing import SAFE_METHODS
from fluxgate.settings import Settings
from fluxgate.types import Scope

__all__ = ["Surroundings", "is_loopback"]

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_KNOWN_HOSTS = 64


def is_loopback(host: str) -> bool:
    """Whether a name or address is this very machine's."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address is not None and address.is_loopback


class Surroundings:
    """The gateway's own names, and the origins that it trusts."""

    def __init__(self, settings: Settings) -> None:
        auth = settings.auth
        public = urlsplit(settings.gateway.public_url or "").hostname
        self._hosts = {name.lower() for name in (*auth.allowed_hosts, public or "") if name}
        # Who serves other machines without asking anybody is asked by address, too; a page can't make that its own.
        self._addresses = not is_loopback(settings.gateway.host)
        self._known: set[bytes] = set()
        origins = (*auth.trusted_origins, settings.gateway.public_url or "")
        self._origins = {_origin(origin) for origin in origins} - {""}

    def check_open(self, scope: Scope) -> None:
        """For a gateway that asks nobody who they are. Raises ForbiddenError for a foreign Host, and for a change that
        a foreign page asks for."""
        for name, value in scope["headers"]:
            if name == b"host":
                if value not in self._known:
                    self._check_host(value)
                break
        self.check_origin(scope, local=True)

    def check_origin(self, scope: Scope, *, local: bool = False) -> None:
        """Raise ForbiddenError if the request changes something on behalf of a foreign page.

        `local`: pages of this very machine aren't foreign. Who may open a WebSocket its route says.
        """
        if scope["method"] in SAFE_METHODS:
            return
        origin = site = host = b""
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
            elif name == b"host":
                host = value
        if site in {b"same-origin", b"none"} or (not origin and not site):
            return
        if origin:
            text = _origin(origin.decode("latin-1"))
            if text in self._origins or (local and text and is_loopback(urlsplit(text).hostname or "")):
                return
            # No Sec-Fetch-Site: an old browser, or plain http. Which scheme the client used isn't known behind a proxy.
            if not site and text and _authority(text) == _without_default_port(host.decode("latin-1").lower()):
                return
        raise ForbiddenError("A page of another site may not do this.", code="FOREIGN_ORIGIN", field="origin")

    def _check_host(self, value: bytes) -> None:
        host = value.decode("latin-1").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] if ":" in host else host
        allowed = (
            is_loopback(name)
            or name.rstrip(".") in self._hosts
            or "*" in self._hosts
            or (self._addresses and _address(name.strip("[]")) is not None)
        )
        if not allowed:
            raise ForbiddenError(
                "The gateway doesn't answer under this name. Its operators can add it to auth.allowed_hosts.",
                code="FOREIGN_HOST",
                field="host",
            )
        if len(self._known) < _KNOWN_HOSTS:
            self._known.add(value)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _origin(text: str) -> str:
    """An origin in the form in which it is compared; empty for `null` and what isn't one."""
    try:
        parts = urlsplit(text.lower())
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port is None or f":{port}" == _DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def _authority(origin: str) -> str:
    return origin.partition("://")[2]


def _without_default_port(host: str) -> str:
    for suffix in _DEFAULT_PORTS.values():
        if host.endswith(suffix):
            return host.removesuffix(suffix)
    return host
