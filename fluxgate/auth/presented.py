"""The one credential that a request presents. Of several the one that was sent on purpose counts: a header before a
signed link, that before the cookie, which browsers send by themselves. Two headers at once are refused, not weighed."""

from __future__ import annotations

from typing import Literal

import msgspec

from fluxgate.auth.rejection import malformed, rejected
from fluxgate.credentials import HOST_PREFIX, KEY_FIELD, KEY_PREFIX, LINK_PARAMETER, SESSION_COOKIE
from fluxgate.types import Scope

__all__ = ["Presented", "presented", "take_link"]

_COOKIE_HINT = SESSION_COOKIE + b"="
_FIELDS = frozenset({b"authorization", KEY_FIELD})


class Presented(msgspec.Struct, frozen=True):
    """What kind of credential, and its text as it came."""

    kind: Literal["token", "key", "link", "session"]
    value: bytes


def presented(scope: Scope, link: bytes | None, *, secure: bool) -> Presented | None:
    """The request's credential; None if it has none.

    `link`: what `take_link` took from the query; `secure`: whether the client spoke https, where only the cookie with
    the `__Host-` prefix is the gateway's own. Raises BadRequestError for two of a kind, UnauthenticatedError for a
    scheme that isn't taken.
    """
    found: Presented | None = None
    cookies: list[bytes] = []
    for name, value in scope["headers"]:
        if name in _FIELDS:
            if found is not None:
                raise malformed("Send one credential, in one field.", name.decode("ascii"))
            found = _bearer(value) if name == b"authorization" else Presented("key", value.strip())
        elif name == b"cookie" and _COOKIE_HINT in value:
            cookies.append(value)
    if found is not None:
        return found
    if link is not None:
        return Presented("link", link)
    return _session(cookies, secure=secure) if cookies else None


def take_link(scope: Scope) -> bytes | None:
    """Take the signed link's parameter out of the query, so that nothing after this sees it; its value, or None.

    Raises BadRequestError if it is there twice.
    """
    query: bytes = scope["query_string"]
    if LINK_PARAMETER not in query:
        return None
    taken: list[bytes] = []
    kept: list[bytes] = []
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name == LINK_PARAMETER:
            taken.append(value)
        else:
            kept.append(part)
    if taken:
        scope["query_string"] = b"&".join(kept)
    if len(taken) > 1:
        raise malformed("The link's signature is there twice.", LINK_PARAMETER.decode("ascii"))
    return taken[0] if taken else None


def _bearer(value: bytes) -> Presented:
    scheme, _, text = value.strip().partition(b" ")
    if scheme.lower() != b"bearer":
        raise rejected("its scheme isn't Bearer")
    text = text.strip()
    return Presented("key" if text.startswith(KEY_PREFIX) else "token", text)


def _session(cookies: list[bytes], *, secure: bool) -> Presented | None:
    wanted = HOST_PREFIX + SESSION_COOKIE if secure else SESSION_COOKIE
    values: set[bytes] = set()
    for field in cookies:
        for part in field.split(b";"):
            name, _, value = part.partition(b"=")
            if name.strip() == wanted:
                values.add(value.strip())
    if not values:
        return None
    if len(values) > 1:
        raise rejected("it comes with two sessions")
    return Presented("session", values.pop())
