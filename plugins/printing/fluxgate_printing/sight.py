"""What one caller may see, and change, of jobs and files: everything, or their own and their projects'.

It is a condition of the SQL that reads, so lists, counts and single rows can't disagree.
"""

from __future__ import annotations

import msgspec

__all__ = ["EVERYTHING", "Sight"]

_MEMBERS = "SELECT project_id FROM project_members WHERE user_id = {}"
_EDITORS = _MEMBERS + " AND role IN ('owner', 'manager', 'editor')"
_OWNED = "SELECT id FROM projects WHERE owner = {}"


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """`me`: the caller's id. `own_only`: others' jobs and files aren't seen, unless a project of mine has them;
    `editing`: membership that only lets look isn't enough. `printers`: only what is on one of these, or on none yet;
    None: all."""

    me: str = ""
    own_only: bool = False
    editing: bool = False
    printers: frozenset[str] | None = None

    def jobs(self) -> tuple[str, list[object]]:
        """A condition on `print_jobs`, and its arguments."""
        return self._condition("created_by", self.printers)

    def files(self) -> tuple[str, list[object]]:
        """A condition on `files`, and its arguments."""
        return self._condition("uploaded_by", None)

    def _condition(self, owner: str, printers: frozenset[str] | None) -> tuple[str, list[object]]:
        parts: list[str] = []
        arguments: list[object] = []
        mine = f"{owner} = {{}} OR project_id IN ({_EDITORS if self.editing else _MEMBERS}) OR project_id IN ({_OWNED})"
        if self.own_only:
            parts.append(f"({mine})")
            arguments += [self.me] * 3
        if printers is not None:
            marks = ", ".join("{}" for _ in printers)
            here = f"printer_name IN ({marks}) OR " if printers else ""
            parts.append(f"({here}printer_name IS NULL OR {owner} = {{}})")
            arguments += [*sorted(printers), self.me]
        return (" AND ".join(parts) or "1 = 1"), arguments


EVERYTHING = Sight()
"""For what the plugin does by itself."""
