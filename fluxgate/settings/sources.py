"""Where each setting came from, so that an error can name the file and the line, or the environment variable."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from fluxgate.errors import SettingsError

__all__ = ["EnvironmentValue", "Issue", "KeyPath", "Sources", "key_name"]

KeyPath = tuple[str | int, ...]
"""`("plugins", "printing", "printers", 0, "url")`: keys, and indexes of arrays."""

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class EnvironmentValue(msgspec.Struct, frozen=True):
    """A value that an environment variable sets: text, decoded once the target's type is known."""

    variable: str
    text: str


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `variable` names the environment variable that set the value, if one did."""

    path: KeyPath
    message: str
    variable: str | None = None


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """`file`: the configuration file, if any; `base`: where its relative paths start; `lines`: key path to line."""

    file: Path | None = None
    base: Path = Path()
    lines: Mapping[KeyPath, int] = {}

    def line(self, path: KeyPath) -> int | None:
        """The line of a key; of the nearest table around it if the key itself isn't in the file."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return None

    def error(self, issues: Sequence[Issue]) -> SettingsError:
        """One error that tells all issues, a line each, in the file's order; its attributes are the first one's."""
        errors = sorted((self._single(issue) for issue in issues), key=lambda error: error.line or 0)
        first = errors[0]
        if len(errors) == 1:
            return first
        message = "\n".join([first.message, *(str(error) for error in errors[1:])])
        return SettingsError(message, file=first.file, line=first.line, key=first.key)

    def _single(self, issue: Issue) -> SettingsError:
        key = key_name(issue.path)
        if issue.variable is not None:
            named = f"{issue.variable} ({key})" if key else issue.variable
            return SettingsError(issue.message, key=named)
        return SettingsError(issue.message, file=self.file, line=self.line(issue.path), key=key)


def key_name(path: KeyPath) -> str:
    """The path as it is written in TOML: `plugins.printing.printers[0].url`."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
            continue
        text = part if BARE_KEY.fullmatch(part) else msgspec.json.encode(part).decode()
        name += f".{text}" if name else text
    return name
