"""Which origins' pages are allowed: exact ones, and every host below a domain."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fluxgate.settings.browser import EVERY_ORIGIN

__all__ = ["Origins", "origin_of_url"]

_SUBDOMAIN = rb"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
_DEFAULT_PORT = {b"http": b":80", b"https": b":443"}


class Origins:
    """The origins that `settings.browser.origins` means."""

    def __init__(self, patterns: Iterable[str]) -> None:
        known = {_without_default_port(pattern.encode("ascii")) for pattern in patterns}
        self.everyone = EVERY_ORIGIN.encode() in known
        self._exact = frozenset(pattern for pattern in known if b"*" not in pattern)
        wild = known - self._exact
        below = [re.escape(pattern).replace(rb"\*", _SUBDOMAIN) for pattern in wild]
        self._below = re.compile(rb"(?:" + rb"|".join(below) + rb")\Z") if below and not self.everyone else None

    def __bool__(self) -> bool:
        return self.everyone or bool(self._exact) or self._below is not None

    def allow(self, origin: bytes) -> bool:
        """Whether pages of `origin`, as browsers write it, are allowed. `null` never is: anybody can have it."""
        if origin in self._exact:
            return True
        if self.everyone:
            return origin != b"null"
        return self._below is not None and self._below.match(origin) is not None


def origin_of_url(url: bytes) -> bytes:
    """The origin of an http(s) URL, as in `Referer`; empty for what isn't one."""
    scheme, separator, rest = url.partition(b"://")
    if not separator or scheme not in _DEFAULT_PORT:
        return b""
    return scheme + b"://" + rest.partition(b"/")[0]


def _without_default_port(origin: bytes) -> bytes:
    return origin.removesuffix(_DEFAULT_PORT.get(origin.partition(b"://")[0], b"\0"))
