"""What a request's caller may see, change and print: access, project roles and ownership together."""

from __future__ import annotations

import time
from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

from fluxgate.errors import ForbiddenError, NotFoundError
from fluxgate.plugin import Principal
from fluxgate_printing.access import Access
from fluxgate_printing.files.catalog import FileRecord
from fluxgate_printing.projects import KnownProject, ProjectRepository
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.settings import Role
from fluxgate_printing.sight import Sight

__all__ = ["Callers"]

_MAY_PRINT = frozenset({"owner", "manager", "editor"})
MEMBERSHIP_KEPT = 10.0
"""Seconds for which a poll of the printer needn't ask again whether its caller is in a project."""
_MOST_KEPT = 1000


class Callers:
    """One per backend."""

    def __init__(self, access: Access, projects: ProjectRepository) -> None:
        self.access = access
        self._projects = projects
        self._memberships: dict[tuple[UUID, str], tuple[float, bool]] = {}

    def is_admin(self, principal: Principal) -> bool:
        """Whether the caller may do everything here."""
        return self.access.is_admin(principal)

    def sees(self, principal: Principal) -> Sight:
        """What the caller may look at."""
        return self._sight(principal, "viewer", editing=False)

    def changes(self, principal: Principal) -> Sight:
        """What the caller may cancel, start, move or delete."""
        return self._sight(principal, "operator", editing=True)

    def _sight(self, principal: Principal, role: Role, *, editing: bool) -> Sight:
        own_only = self.access.own_only and not self.is_admin(principal)
        return Sight(
            me=principal.id,
            own_only=own_only,
            editing=editing,
            printers=self.access.printers(principal, role),
            ruled=(self.access.printers(principal, "admin") or frozenset()) if own_only else frozenset(),
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

    async def projects(self, principal: Principal, search: str, limit: int) -> list[tuple[KnownProject, bool]]:
        """The projects that the caller has to do with, by title, and whether the caller may print for them."""
        user = None if self.is_admin(principal) else principal.id
        return [(project, project.role in _MAY_PRINT) for project in await self._projects.known(user, search, limit)]

    async def titles(self, projects: Iterable[UUID], principal: Principal) -> dict[UUID, str]:
        """What projects are called, of those only that the caller has to do with."""
        return await self._projects.titles(projects, None if self.is_admin(principal) else principal.id)

    async def printed_for(self, file: FileRecord, project_id: UUID | None, principal: Principal) -> UUID | None:
        """The project that a print of this file is for: `project_id`, for which the caller may print, or else the
        file's own if the caller may for that one.

        ForbiddenError PROJECT_FORBIDDEN for a file that the caller sees as somebody who may only look at its project.
        """
        if file.project_id in {None, project_id} or self.is_admin(principal):
            return project_id or file.project_id
        if await self.may_print_for(file.project_id, principal.id):
            return project_id or file.project_id
        if self.access.own_only and file.uploaded_by != principal.id:
            raise ForbiddenError("You may look at this file's project and not print for it.", code="PROJECT_FORBIDDEN")
        return project_id

    async def sees_by_projects(self, principal: Principal) -> Sight:
        """What the caller may look at, with the caller's projects looked up: for long lists, and for what is judged
        without the database."""
        return await self._projects.narrowed(self.sees(principal))

    async def may_print_for(self, project: UUID | None, user: str) -> bool:
        """Whether a user's part in a project is more than to look."""
        return project is not None and await self._projects.role(project, user) in _MAY_PRINT

    async def sees_print(self, printer: str, job: JobRecord | None, principal: Principal) -> bool:
        """Whether the caller may see what the printer has loaded: `job`, or None for what nobody here queued.

        For polls: the database isn't asked, but for a project's job, and then not each time.
        """
        if not self.access.own_only or self.access.is_admin(principal, printer):
            return True
        if job is None or job.created_by == principal.id:
            return job is not None
        return job.project_id is not None and await self._is_member(job.project_id, principal.id)

    async def _is_member(self, project: UUID, user: str) -> bool:
        now = time.monotonic()
        known = self._memberships.get((project, user))
        if known is not None and now < known[0]:
            return known[1]
        if len(self._memberships) >= _MOST_KEPT:
            self._memberships.clear()
        member = await self._projects.role(project, user) is not None
        self._memberships[project, user] = (now + MEMBERSHIP_KEPT, member)
        return member

    def key(self, principal: Principal, key: str | None) -> str | None:
        """An idempotency key as it is kept: of two callers with one key each has their own."""
        if key is None or principal.method == "open":
            return key
        return "by:" + sha256(f"{principal.id}\0{key}".encode()).hexdigest()
