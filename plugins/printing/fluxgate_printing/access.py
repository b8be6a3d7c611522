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
from fluxgate.plugin import Authenticated, Check, Policy, Principal
from fluxgate.types import Scope
from fluxgate_printing.settings import AccessSettings, Role

__all__ = [
    "ADMINISTER",
    "COMMAND",
    "COMMAND_ONE",
    "GCODE_ONE",
    "KNOWN",
    "OPERATE",
    "PRINTER",
    "VIEW",
    "WATCH",
    "WATCH_ONE",
    "Access",
    "Permission",
]

RANKS: Mapping[Role, int] = {"viewer": 1, "operator": 2, "admin": 3}
_ADMIN = RANKS["admin"]
PRINTER = "printer"
"""What a path parameter is called that names a printer."""
_SCOPES: Mapping[Role, str] = {"viewer": "printing:view", "operator": "printing:operate", "admin": "printing:admin"}


class Permission(msgspec.Struct, frozen=True):
    """What a route needs: a role, on the default printer, on any, or on the one that its path names."""

    role: Role
    on: Literal["default", "any", "named"]


VIEW = Permission("viewer", "any")
"""Look at queue, files and jobs."""
OPERATE = Permission("operator", "any")
"""Upload, queue, print."""
ADMINISTER = Permission("admin", "any")
"""What concerns everybody's jobs."""
WATCH = Permission("viewer", "default")
"""Look at the default printer."""
COMMAND = Permission("operator", "default")
"""Command the default printer."""
WATCH_ONE = Permission("viewer", "named")
"""Look at the printer in the path."""
COMMAND_ONE = Permission("operator", "named")
"""Command the printer in the path."""
GCODE_ONE = Permission("admin", "named")
"""Send the printer in the path whatever the configuration allows."""
KNOWN = Authenticated(any_scope=True)
"""Ask what one may do."""


class Access:
    """`printers`: the groups of each printer by its name; `default`: the one that routes without a name speak of."""

    def __init__(self, settings: AccessSettings, printers: Mapping[str, frozenset[str]], default: str) -> None:
        self.own_only = settings.visibility == "own"
        self.operators_stop_others = settings.stop_others == "operator"
        self._grants = settings.grants
        everywhere = _Holders()
        everywhere.give(settings.viewers, RANKS["viewer"])
        everywhere.give(settings.operators, RANKS["operator"])
        everywhere.give(settings.admins, RANKS["admin"])
        self._everywhere = everywhere
        self.arrange(printers, default)

    def arrange(self, printers: Mapping[str, frozenset[str]], default: str) -> None:
        """These are the printers from now on. A grant on one that isn't there gives nothing."""
        anywhere = self._everywhere.copy()
        on = {name: self._everywhere.copy() for name in printers}
        for grant in self._grants:
            named = _named(grant.printers, printers)
            for name in named:
                on[name].give(grant.who, RANKS[grant.role])
            if named:
                anywhere.give(grant.who, RANKS[grant.role])
        self._default, self._anywhere, self._on = default, anywhere, on
        known = {*printers, *(f"group:{group}" for groups in printers.values() for group in groups)}
        self.granted_nowhere = [name for grant in self._grants for name in grant.printers if name not in known]
        """Printers and groups that grants name and that there aren't."""

    def rank(self, principal: Principal, printer: str | None = None) -> int:
        """The caller's rank on a printer, or everywhere: 0 for nothing, else `RANKS`."""
        return (self._everywhere if printer is None else self._on.get(printer, self._everywhere)).rank(principal)

    def best_rank(self, principal: Principal) -> int:
        """The highest that the caller has on any printer."""
        return self._anywhere.rank(principal)

    def is_admin(self, principal: Principal, printer: str | None = None) -> bool:
        """Whether the caller may do everything here, or on one printer."""
        return self.rank(principal, printer) >= RANKS["admin"]

    def printers(self, principal: Principal, role: Role = "viewer") -> frozenset[str] | None:
        """The printers on which the caller has the role; None: on all."""
        if self.rank(principal) >= RANKS[role]:
            return None
        return frozenset(name for name in self._on if self.rank(principal, name) >= RANKS[role])

    def role(self, principal: Principal, printer: str | None = None) -> Role | None:
        """The caller's role on a printer, or everywhere, as far as policies let the caller use it: of a key or token
        that is restricted to scopes, the highest for which it has that scope and those of the roles below."""
        return _usable(self.rank(principal, printer), principal)

    def best_role(self, principal: Principal) -> Role | None:
        """The same: the highest that the caller has on any printer."""
        return _usable(self.best_rank(principal), principal)

    def roles(self, principal: Principal) -> dict[str, Role]:
        """The same of each printer on which the caller has one."""
        found = {name: self.role(principal, name) for name in self._on}
        return {name: role for name, role in found.items() if role is not None}

    def stops_others(self, principal: Principal) -> bool:
        """Whether the caller may pause and cancel what others print wherever the caller is an operator."""
        if self.best_role(principal) in {None, "viewer"}:
            return False
        return not self.own_only or self.operators_stop_others or self.is_admin(principal)

    def require(self, principal: Principal, role: Role, printer: str) -> None:
        """Raise ForbiddenError unless the caller has the role on the printer."""
        if self.rank(principal, printer) < RANKS[role]:
            raise ForbiddenError(f"You may not do this on the printer {printer}.", code="PRINTER_FORBIDDEN")

    def policy(self, permission: Permission) -> Policy:
        """The permission as a route's policy."""
        needed = RANKS[permission.role]
        where = {"any": "", "default": " on the default printer", "named": " on that printer"}[permission.on]

        def allows(principal: Principal, scope: Scope) -> None:
            if permission == ADMINISTER:
                rank = self.rank(principal)
            elif permission.on == "any":
                rank = self.best_rank(principal)
            else:
                name = self._default if permission.on == "default" else scope["path_params"][PRINTER]
                rank = self.rank(principal, name)
            if rank < needed:
                raise ForbiddenError(f"This needs to be done by a printing {permission.role}{where}.")

        scope = _SCOPES[permission.role]
        return Check(f"printing {permission.role}{where}", allows, frozenset({scope}))

    def guarded(self, handlers: Iterable[HTTPRouteHandler]) -> list[Any]:
        """Copies of the handlers, with policies in place of their permissions; what is a policy stays."""
        found: list[Any] = []
        for handler in handlers:
            guarded = copy.copy(handler)
            needed = handler.opt["policy"]
            policy = self.policy(needed) if isinstance(needed, Permission) else needed
            guarded.opt = {**handler.opt, "policy": policy}
            found.append(guarded)
        return found


class _Holders:
    """Who has which rank, by each way of naming a caller. Polls ask it, so it is a few look-ups."""

    __slots__ = ("_by_kind",)

    def __init__(self, by_kind: Mapping[str, Mapping[str, int]] | None = None) -> None:
        kinds = by_kind or {}
        self._by_kind = {kind: dict(kinds.get(kind, {})) for kind in ("role", "group", "user")}

    def copy(self) -> _Holders:
        return _Holders(self._by_kind)

    def give(self, who: Iterable[str], rank: int) -> None:
        for one in who:
            kind, _, name = one.partition(":")
            ranks = self._by_kind[kind]
            ranks[name] = max(rank, ranks.get(name, 0))

    def rank(self, principal: Principal) -> int:
        if principal.is_admin:
            best = _ADMIN
        else:
            roles, groups, users = self._by_kind.values()
            best = users.get(principal.id, 0)
            for name in principal.roles:
                best = max(best, roles.get(name, 0))
            for name in principal.groups:
                best = max(best, groups.get(name, 0))
        if best == _ADMIN and principal.scopes is not None and _SCOPES["admin"] not in principal.scopes:
            return RANKS["operator"]  # a key of an admin's that isn't for all that an admin may
        return best


def _usable(rank: int, principal: Principal) -> Role | None:
    usable: Role | None = None
    for role, scope in _SCOPES.items():
        if rank < RANKS[role] or (principal.scopes is not None and scope not in principal.scopes):
            break
        usable = role
    return usable


def _named(names: Iterable[str], printers: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Those of `printers` that a grant names, one by one or by their groups."""
    found: set[str] = set()
    for name in names:
        group = name.removeprefix("group:")
        found |= {name} if group == name else {each for each, groups in printers.items() if group in groups}
    return frozenset(found & printers.keys())
