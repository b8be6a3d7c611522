"""Projects by their UUID or by FluxStudio's own id: every route that takes a project takes either."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec

from fluxgate.db import Database
from fluxgate_printing.patterns import containing
from fluxgate_printing.sight import Sight

__all__ = ["KnownProject", "ProjectRepository"]


class KnownProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project, and what its caller is in it: `owner`, `manager`, `editor`, `viewer`."""

    id: UUID
    external_id: str | None
    title: str
    role: str


class ProjectRepository:
    """Looks into `projects`, which FluxStudio owns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def role(self, project: UUID, user: str) -> str | None:
        """What the caller is in a project: `owner`, `manager`, `editor`, `viewer`; None: nothing."""
        owned = await self._database.fetch("SELECT 1 AS one FROM projects WHERE id = {} AND owner = {}", project, user)
        if owned:
            return "owner"
        rows = await self._database.fetch(
            "SELECT role FROM project_members WHERE project_id = {} AND user_id = {}", project, user
        )
        return str(rows[0]["role"]) if rows else None

    async def narrowed(self, sight: Sight) -> Sight:
        """The same sight with the projects looked up that it is about."""
        if not sight.own_only:
            return sight
        query, arguments = sight.my_projects()
        rows = await self._database.fetch(query, *arguments)
        return msgspec.structs.replace(sight, projects=frozenset(UUID(str(row["id"])) for row in rows))

    async def titles(self, projects: Iterable[UUID], user: str | None = None) -> dict[UUID, str]:
        """What projects are called, by their UUIDs; with a `user`, of those only in which that user is something."""
        wanted = sorted(set(projects))
        if not wanted:
            return {}
        marks = ", ".join("{}" for _ in wanted)
        sql = f"SELECT id, title FROM projects WHERE id IN ({marks})"  # noqa: S608 - only marks
        arguments: list[object] = [*wanted]
        if user is not None:
            sql += " AND (owner = {} OR id IN (SELECT project_id FROM project_members WHERE user_id = {}))"
            arguments += [user, user]
        rows = await self._database.fetch(sql, *arguments)
        return {UUID(str(row["id"])): str(row["title"]) for row in rows}

    async def known(self, user: str | None, search: str, limit: int) -> list[KnownProject]:
        """The projects in which the user is something (None: all), with `search` in their title in any case of (ASCII)
        letters; by title."""
        mine = "SELECT p.*, COALESCE(CASE WHEN p.owner = {} THEN 'owner' END, m.role) AS role FROM projects p"
        mine += " LEFT JOIN project_members m ON m.project_id = p.id AND m.user_id = {}"
        arguments: list[object] = [user, user]
        if user is None:
            mine, arguments = "SELECT p.*, 'owner' AS role FROM projects p", []
        rows = await self._database.fetch(
            f"SELECT id, external_id, title, role FROM ({mine}) AS mine"  # noqa: S608 - constants
            " WHERE role IS NOT NULL AND lower(title) LIKE lower({}) ESCAPE '!' ORDER BY lower(title), id LIMIT {}",
            *arguments,
            containing(search),
            limit,
        )
        return [
            KnownProject(
                id=UUID(str(row["id"])), external_id=row["external_id"], title=str(row["title"]), role=str(row["role"])
            )
            for row in rows
        ]

    async def resolve(self, project: str | UUID) -> UUID | None:
        """The project's UUID, from that or from its `external_id`; None if there is no such project.

        An `external_id` that reads like some other project's UUID loses against the UUID.
        """
        text = str(project)
        try:
            as_uuid = UUID(text)
        except ValueError:
            as_uuid = None
        if as_uuid is not None:
            rows = await self._database.fetch("SELECT id FROM projects WHERE id = {}", as_uuid)
            if rows:
                return as_uuid
        if "\0" in text:
            return None
        rows = await self._database.fetch("SELECT id FROM projects WHERE external_id = {}", text)
        return UUID(str(rows[0]["id"])) if rows else None
