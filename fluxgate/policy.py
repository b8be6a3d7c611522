"""What a caller must be to use a route. Every route carries one policy; one without fails start-up.

    PUBLIC                                  anybody
    AUTHENTICATED                           anybody who is known
    Require(roles=…, scopes=…)              one of the roles, and no key or token that is restricted to other scopes
    Check("name", function, scopes=…)       what the plugin's own function says

A refusal never says "token" or "authentication" when the caller is known: FluxStudio logs its user out on those words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from fluxgate.errors import ForbiddenError, UnauthenticatedError
from fluxgate.principal import ADMIN, Principal
from fluxgate.types import Scope

__all__ = ["AUTHENTICATED", "PUBLIC", "Authenticated", "Check", "Policy", "Public", "Require", "authorize", "described"]


class Public(msgspec.Struct, frozen=True, tag="public"):
    """Anybody, known or not."""


class Authenticated(msgspec.Struct, frozen=True, tag="authenticated"):
    """Anybody who is known, with no restriction of scopes other than `scopes`. `any_scope`: restricted callers, too,
    whatever their scopes: for what a caller may always do, such as asking who it is."""

    scopes: frozenset[str] = frozenset()
    any_scope: bool = False


class Require(msgspec.Struct, frozen=True, kw_only=True, tag="require"):
    """Whoever has one of `roles` (none: any) or is an admin, unless restricted to scopes that lack one of `scopes`."""

    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()


Allows = Callable[[Principal, Scope], Awaitable[None] | None]
"""Raises a `ProblemError` (ForbiddenError, NotFoundError) for what the principal may not do. `scope["path_params"]` has
the path's parameters. Asked before the body is read."""


class Check(msgspec.Struct, frozen=True, tag="check"):
    """Whoever is known, within `scopes`, and whom the plugin's `allows` lets pass. `name` is for people."""

    name: str
    allows: Allows
    scopes: frozenset[str] = frozenset()


Policy = Public | Authenticated | Require | Check

PUBLIC = Public()
AUTHENTICATED = Authenticated()

_FORBIDDEN = "You may not do this."


def authorize(policy: Policy, principal: Principal, scope: Scope) -> Awaitable[None] | None:
    """Raise UnauthenticatedError or ForbiddenError unless the principal may; what is returned, if anything, is to be
    awaited and may raise too."""
    if isinstance(policy, Public):
        return None
    if principal.is_anonymous:
        raise UnauthenticatedError
    if isinstance(policy, Authenticated) and policy.any_scope:
        return None
    if principal.scopes is not None and not (policy.scopes and policy.scopes <= principal.scopes):
        raise ForbiddenError(
            f"This needs the scope {' and '.join(sorted(policy.scopes))}." if policy.scopes else _FORBIDDEN,
            code="INSUFFICIENT_SCOPE",
            headers=((b"www-authenticate", b'Bearer realm="fluxgate", error="insufficient_scope"'),),
        )
    if isinstance(policy, Require):
        if policy.roles and ADMIN not in principal.roles and not policy.roles & principal.roles:
            raise ForbiddenError(_FORBIDDEN)
        return None
    if isinstance(policy, Check):
        return policy.allows(principal, scope)
    return None


def described(policy: Policy) -> str:
    """The policy in a few words, for people."""
    match policy:
        case Public():
            return "public"
        case Authenticated(scopes=scopes):
            text = "authenticated"
        case Require(roles=roles, scopes=scopes):
            text = f"role {' or '.join(sorted(roles))}" if roles else "authenticated"
        case Check(name=name, scopes=scopes):
            text = name
    return text + (f", scope {' '.join(sorted(scopes))}" if scopes else "")
