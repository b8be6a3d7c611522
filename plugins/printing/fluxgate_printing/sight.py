"""What one caller may see, and change, of jobs and files: everything, or their own and their projects'.

It is a condition of the SQL that reads, so lists, counts and single rows can't disagree.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

__all__ = ["EVERYTHING", "Sight"]

_MEMBERS = "SELECT project_id FROM project_members WHERE user_id = {}"
_EDITORS = _MEMBERS + " AND role IN ('owner', 'manager', 'editor')"
_OWNED = "SELECT id FROM projects WHERE owner = {}"


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """`me`: the caller's id. `own_only`: others' jobs and files aren't seen, unless a project of mine has them;
    `editing`: membership that only lets look isn't enough. `printers`: only what is on one of these, or on none yet;
    None: all. `ruled`: printers whose jobs are all mine to see and change."""

    me: str = ""
    own_only: bool = False
    editing: bool = False
    printers: frozenset[str] | None = None
    ruled: frozenset[str] = frozenset()
    projects: frozenset[UUID] | None = None
    """The projects that are mine, once they have been looked up: long lists are found by them much faster than by who
    is in which project."""

    def my_projects(self) -> tuple[str, list[object]]:
        """A query for `projects`, as `id`."""
        members = _EDITORS if self.editing else _MEMBERS
        return f"SELECT id FROM projects WHERE owner = {{}} OR id IN ({members})", [self.me, self.me]  # noqa: S608

    def jobs(self) -> tuple[str, list[object]]:
        """A condition on `print_jobs`, and its arguments."""
        return self._condition("created_by", self.printers, self.ruled)

    def has_job(self, created_by: str | None, project: UUID | None, printer: str | None) -> bool:
        """The same of a job in memory. ValueError unless the projects have been looked up where they matter."""
        mine = created_by is not None and created_by == self.me
        if self.own_only:
            if self.projects is None:
                raise ValueError("whose projects these are hasn't been looked up")
            if not (mine or project in self.projects or printer in self.ruled):
                return False
        return self.printers is None or printer is None or mine or printer in self.printers

    def files(self) -> tuple[str, list[object]]:
        """A condition on `files`, and its arguments."""
        return self._condition("uploaded_by", None, frozenset())

    def _condition(
        self, owner: str, printers: frozenset[str] | None, ruled: frozenset[str]
    ) -> tuple[str, list[object]]:
        parts: list[str] = []
        arguments: list[object] = []
        if self.own_only:
            in_projects, named = self._in_projects()
            parts.append(f"({owner} = {{}}{in_projects}{_or_on(ruled)})")
            arguments += [self.me, *named, *sorted(ruled)]
        if printers is not None:
            parts.append(f"(printer_name IS NULL OR {owner} = {{}}{_or_on(printers)})")
            arguments += [self.me, *sorted(printers)]
        return (" AND ".join(parts) or "1 = 1"), arguments

    def alternatives(self) -> list[tuple[str, list[object]]]:
        """Conditions of which every job within this sight meets one at least, and no other any: each by an index."""
        if not self.own_only or self.projects is None:
            return [self.jobs()]
        found: list[tuple[str, list[object]]] = [("created_by = {}", [self.me])]
        named_sets: tuple[tuple[str, frozenset[Any]], ...] = (
            ("project_id", self.projects),
            ("printer_name", self.ruled),
        )
        for column, values in named_sets:
            if values:
                found.append((f"{column} IN ({', '.join('{}' for _ in values)})", [*sorted(values)]))
        rest, arguments = msgspec.structs.replace(self, own_only=False).jobs()
        return [(f"{condition} AND {rest}", [*named, *arguments]) for condition, named in found]

    def of_project(self, project: UUID) -> Sight:
        """The same, for a project's jobs alone: all of them, if it is known that the project is mine."""
        mine = self.projects is not None and project in self.projects
        return msgspec.structs.replace(self, own_only=False) if mine else self

    def _in_projects(self) -> tuple[str, list[object]]:
        if self.projects is None:
            members = _EDITORS if self.editing else _MEMBERS
            return f" OR project_id IN ({members}) OR project_id IN ({_OWNED})", [self.me, self.me]
        if not self.projects:
            return "", []
        return f" OR project_id IN ({', '.join('{}' for _ in self.projects)})", [*sorted(self.projects)]


def _or_on(printers: frozenset[str]) -> str:
    return f" OR printer_name IN ({', '.join('{}' for _ in printers)})" if printers else ""


EVERYTHING = Sight()
"""For what the plugin does by itself."""
