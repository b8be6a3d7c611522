"""Who is calling, however that was found out: one shape for tokens, API keys, sessions and links."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["ADMIN", "ANONYMOUS", "LOCAL", "Method", "Principal"]

Method = Literal["anonymous", "open", "token", "key", "session", "link"]

ADMIN = "admin"
"""The role that may do everything in the gateway, and by default in its plugins."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A caller. `id` is stable and unique (a token's subject, a key's); `name` is for people.

    `roles` and `groups` grant. `scopes` restrict: None is no restriction, else only routes whose policy asks for scopes
    that are all among them are served. `method`: how the caller was identified; `anonymous`: not at all; `open`: nobody
    is asked on this gateway. `credential`: which credential it was (a key's or a session's id), for the audit trail.
    """

    id: str
    name: str = ""
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    method: Method = "token"
    credential: str = ""

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is known to be calling."""
        return self.method == "anonymous"

    @property
    def is_admin(self) -> bool:
        """Whether the caller has the role that may do everything."""
        return ADMIN in self.roles


ANONYMOUS = Principal(id="", scopes=frozenset(), method="anonymous")
"""Nobody."""

LOCAL = Principal(id="local", name="local", roles=frozenset({ADMIN}), method="open")
"""Everybody, on a gateway that asks nobody who they are."""
