"""The two cookies of a browser session: its own, which no script can read, and the CSRF token's, which pages read."""

from __future__ import annotations

from typing import Literal

from fluxgate.auth.sessions import NewSession
from fluxgate.credentials import CSRF_COOKIE, HOST_PREFIX, SESSION_COOKIE
from fluxgate.types import RawHeaders

__all__ = ["csrf_cookie", "removed_cookies", "session_cookies"]

SameSite = Literal["strict", "lax", "none"]


def session_cookies(session: NewSession, same_site: SameSite, *, secure: bool) -> RawHeaders:
    """The fields that give a browser its session."""
    return [
        _field(SESSION_COOKIE, session.cookie, session.max_age, same_site, secure=secure, hidden=True),
        csrf_cookie(session.csrf, session.max_age, same_site, secure=secure),
    ]


def csrf_cookie(token: str, max_age: int, same_site: SameSite, *, secure: bool) -> tuple[bytes, bytes]:
    """The field that gives a page its CSRF token."""
    return _field(CSRF_COOKIE, token, max_age, same_site, secure=secure, hidden=False)


def removed_cookies(same_site: SameSite, *, secure: bool) -> RawHeaders:
    """The fields that take both away."""
    return [
        _field(name, "", 0, same_site, secure=secure, hidden=name == SESSION_COOKIE)
        for name in (SESSION_COOKIE, CSRF_COOKIE)
    ]


def _field(
    name: bytes, value: str, max_age: int, same_site: SameSite, *, secure: bool, hidden: bool
) -> tuple[bytes, bytes]:
    # `__Host-` and `SameSite=None` are for https only; browsers drop such a cookie that came without `Secure`.
    shown = (HOST_PREFIX + name if secure else name).decode("ascii")
    site = "Lax" if same_site == "none" and not secure else same_site.capitalize()
    text = f"{shown}={value}; Path=/; Max-Age={max_age}; SameSite={site}"
    return b"set-cookie", (text + ("; HttpOnly" if hidden else "") + ("; Secure" if secure else "")).encode("ascii")
