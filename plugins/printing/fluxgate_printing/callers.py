"""What a request's caller may see, change and print: access, project roles and ownership together."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

from fluxgate.errors import ForbiddenError, NotFoundError
from fluxgate.plugin import Principal
from fluxgate_printing.access import RANKS, Access
from fluxgate_printing.projects import ProjectRepository
from fluxgate_printing.settings import Role
from fluxgate_printing.sight import Sight

__all__ = ["Callers"]

_MAY_PRINT = frozenset({"owner", "manager", "editor"})


class Callers:
    """One per backend."""

    def __init__(self, access: Access, projects: ProjectRepository) -> None:
        self.access = access
        self._projects = projects

    def is_admin(self, principal: Principal) -> bool:
        """Whether the caller may do everything here."""
        return self.access.rank(principal) >= RANKS["admin"]

    def sees(self, principal: Principal) -> Sight:
        """What the caller may look at."""
        return self._sight(principal, "viewer", editing=False)

    def changes(self, principal: Principal) -> Sight:
        """What the caller may cancel, start, move or delete."""
        return self._sight(principal, "operator", editing=True)

    def _sight(self, principal: Principal, role: Role, *, editing: bool) -> Sight:
        own_only = self.access.own_only and not self.is_admin(principal)
        return Sight(
            me=principal.id, own_only=own_only, editing=editing, printers=self.access.printers(principal, role)
        )

    async def project(self, project: str | None, principal: Principal, *, to_print: bool) -> UUID | None:
        """A project's UUID, by that or its external id. NotFoundError PROJECT_NOT_FOUND if there is none, or none that
        the caller has to do with; ForbiddenError PROJECT_FORBIDDEN where looking is all that the caller may."""
        if project is None:
            return None
        found = await self._projects.resolve(project)
        if found is not None and self.is_admin(principal):
            return found
        role = None if found is None else await self._projects.role(found, principal.id)
        if role is None:
            raise NotFoundError(f"There is no project {project!r}.", code="PROJECT_NOT_FOUND", field="project_id")
        if to_print and role not in _MAY_PRINT:
            raise ForbiddenError(
                "You may look at this project and not print for it.", code="PROJECT_FORBIDDEN", field="project_id"
            )
        return found

    def key(self, principal: Principal, key: str | None) -> str | None:
        """An idempotency key as it is kept: of two callers with one key each has their own."""
        if key is None or principal.method == "open":
            return key
        return "by:" + sha256(f"{principal.id}\0{key}".encode()).hexdigest()
