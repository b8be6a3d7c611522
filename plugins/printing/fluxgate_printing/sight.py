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
    None: all. `ruled`: printers whose jobs are all mine to see and change."""

    me: str = ""
    own_only: bool = False
    editing: bool = False
    printers: frozenset[str] | None = None
    ruled: frozenset[str] = frozenset()

    def jobs(self) -> tuple[str, list[object]]:
        """A condition on `print_jobs`, and its arguments."""
        return self._condition("created_by", self.printers, self.ruled)

    def files(self) -> tuple[str, list[object]]:
        """A condition on `files`, and its arguments."""
        return self._condition("uploaded_by", None, frozenset())

    def _condition(
        self, owner: str, printers: frozenset[str] | None, ruled: frozenset[str]
    ) -> tuple[str, list[object]]:
        parts: list[str] = []
        arguments: list[object] = []
        mine = f"{owner} = {{}} OR project_id IN ({_EDITORS if self.editing else _MEMBERS}) OR project_id IN ({_OWNED})"
        if self.own_only:
            parts.append(f"({mine}{_or_on(ruled)})")
            arguments += [*[self.me] * 3, *sorted(ruled)]
        if printers is not None:
            parts.append(f"(printer_name IS NULL OR {owner} = {{}}{_or_on(printers)})")
            arguments += [self.me, *sorted(printers)]
        return (" AND ".join(parts) or "1 = 1"), arguments


def _or_on(printers: frozenset[str]) -> str:
    return f" OR printer_name IN ({', '.join('{}' for _ in printers)})" if printers else ""


EVERYTHING = Sight()
"""For what the plugin does by itself."""
