"""Who may do what: printing roles from the gateway's roles, groups and users, for all printers or some.

viewer: look; operator: upload, queue, print, command; admin: all of that for everybody. Routes say which of these they
need (`VIEW`, `OPERATE`, …); `Access` makes policies of that once the settings are known. What a caller may see of jobs
and files is in `sight.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler

from fluxgate.errors import ForbiddenError
from fluxgate.plugin import Check, Policy, Principal
from fluxgate.types import Scope
from fluxgate_printing.settings import AccessSettings, Role

__all__ = ["COMMAND", "OPERATE", "VIEW", "WATCH", "Access", "Permission"]

RANKS: Mapping[Role, int] = {"viewer": 1, "operator": 2, "admin": 3}
_SCOPES = {"viewer": "printing:view", "operator": "printing:operate", "admin": "printing:admin"}


class Permission(msgspec.Struct, frozen=True):
    """What a route needs: a role, on the default printer or on any."""

    role: Role
    on: Literal["default", "any"]


VIEW = Permission("viewer", "any")
"""Look at queue, files and jobs."""
OPERATE = Permission("operator", "any")
"""Upload, queue, print."""
WATCH = Permission("viewer", "default")
"""Look at the default printer."""
COMMAND = Permission("operator", "default")
"""Command the default printer."""


class Access:
    """`printers`: the groups of each printer by its name; `default`: the one that routes without a name speak of."""

    def __init__(self, settings: AccessSettings, printers: Mapping[str, frozenset[str]], default: str) -> None:
        self.own_only = settings.visibility == "own"
        self._default = default
        self._printers = printers
        self._everywhere: list[tuple[str, int]] = [
            (who, rank)
            for rank, names in (
                (RANKS["viewer"], settings.viewers),
                (RANKS["operator"], settings.operators),
                (RANKS["admin"], settings.admins),
            )
            for who in names
        ]
        self._somewhere: list[tuple[str, int, frozenset[str]]] = [
            (who, RANKS[grant.role], self._named(grant.printers)) for grant in settings.grants for who in grant.who
        ]

    def rank(self, principal: Principal, printer: str | None = None) -> int:
        """The caller's rank on a printer, or everywhere: 0 for nothing, else `RANKS`."""
        if principal.is_admin:
            return RANKS["admin"]
        names = _names(principal)
        best = max((rank for who, rank in self._everywhere if who in names), default=0)
        if printer is not None:
            ranks = (rank for who, rank, printers in self._somewhere if who in names and printer in printers)
            best = max(best, *ranks, 0)
        return best

    def best_rank(self, principal: Principal) -> int:
        """The highest that the caller has on any printer."""
        if not self._somewhere:
            return self.rank(principal)
        return max(self.rank(principal), *(self.rank(principal, printer) for printer in self._printers), 0)

    def printers(self, principal: Principal, role: Role = "viewer") -> frozenset[str] | None:
        """The printers on which the caller has the role; None: on all."""
        if self.rank(principal) >= RANKS[role]:
            return None
        return frozenset(name for name in self._printers if self.rank(principal, name) >= RANKS[role])

    def require(self, principal: Principal, role: Role, printer: str) -> None:
        """Raise ForbiddenError unless the caller has the role on the printer."""
        if self.rank(principal, printer) < RANKS[role]:
            raise ForbiddenError(f"You may not do this on the printer {printer}.", code="PRINTER_FORBIDDEN")

    def policy(self, permission: Permission) -> Policy:
        """The permission as a route's policy."""
        needed = RANKS[permission.role]
        where = "" if permission.on == "any" else f" on {self._default}"

        def allows(principal: Principal, scope: Scope) -> None:
            default = permission.on == "default"
            if (self.rank(principal, self._default) if default else self.best_rank(principal)) < needed:
                raise ForbiddenError(f"This needs to be done by a printing {permission.role}{where}.")

        scope = _SCOPES[permission.role]
        return Check(f"printing {permission.role}{where}", allows, frozenset({scope}))

    def guarded(self, handlers: Iterable[HTTPRouteHandler]) -> list[Any]:
        """Copies of the handlers, with policies in place of their permissions."""
        found: list[Any] = []
        for handler in handlers:
            guarded = copy.copy(handler)
            guarded.opt = {**handler.opt, "policy": self.policy(handler.opt["policy"])}
            found.append(guarded)
        return found

    def _named(self, names: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        for name in names:
            group = name.removeprefix("group:")
            if group != name:
                found |= {printer for printer, groups in self._printers.items() if group in groups}
            else:
                found.add(name)
        return frozenset(found)


def _names(principal: Principal) -> set[str]:
    return {
        f"user:{principal.id}",
        *(f"role:{role}" for role in principal.roles),
        *(f"group:{group}" for group in principal.groups),
    }
