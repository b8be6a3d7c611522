"""`FLUXGATE_*` variables, laid over the configuration file.

`FLUXGATE_GATEWAY__LOG_LEVEL` sets `gateway.log_level`: a double underscore is a dot, case doesn't matter, `-` in a
key is written `_`. An empty variable counts as unset, because Compose files pass it so. A `FLUXGATE_*` variable that
sets nothing is an error: it is nearly always a typing mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from fluxgate.settings.shapes import fields_of, struct_members
from fluxgate.settings.sources import EnvironmentValue, Issue, KeyPath
from fluxgate.settings.suggest import folded, nearest

__all__ = ["CONFIG_VARIABLE", "SHORTHANDS", "find_key", "overlay", "set_value", "variables"]

PREFIX = "FLUXGATE_"
CONFIG_VARIABLE = "FLUXGATE_CONFIG"
TEST_PREFIX = "FLUXGATE_TEST_"
PLUGINS_PREFIX = "FLUXGATE_PLUGINS__"
SEPARATOR = "__"
SHORTHANDS: Mapping[str, KeyPath] = {
    "FLUXGATE_HOST": ("gateway", "host"),
    "FLUXGATE_PORT": ("gateway", "port"),
    "FLUXGATE_DATABASE_URL": ("database", "url"),
}
KUBERNETES_LINKS = ("FLUXGATE_SERVICE_", "FLUXGATE_PORT_")
KUBERNETES_HINT = (
    " Kubernetes sets it for a Service named `fluxgate`: put `enableServiceLinks: false` into the pod's spec."
)


def overlay(
    data: Mapping[str, Any], environ: Mapping[str, str], sections: type[msgspec.Struct]
) -> tuple[dict[str, Any], list[Issue]]:
    """A copy of `data` with an `EnvironmentValue` at each key that a variable sets, and what is wrong with variables.

    `sections` has a struct for each of the gateway's own sections.
    """
    merged = dict(data)
    issues: list[Issue] = []
    setters: dict[str, str] = {}
    valid = variables(sections)
    found: list[tuple[KeyPath, str, str]] = []
    for variable, text in environ.items():
        name = variable.upper()
        if not text or not name.startswith(PREFIX) or name.startswith(TEST_PREFIX) or name == CONFIG_VARIABLE:
            continue
        path = valid.get(name) or _plugin_path(name)
        if path is None:
            issues.append(Issue(path=(), message=f"sets nothing.{_hint(name, valid)}", variable=variable))
        else:
            found.append((path, variable, text))
    # A table before its own keys: of two variables that set a table and a key in it, the second is refused.
    for path, variable, text in sorted(found, key=lambda each: len(each[0])):
        other = setters.setdefault(repr(path), variable)
        if other != variable:
            issues.append(Issue(path=path, message=f"{other} sets the same key; keep one of them", variable=variable))
        elif not set_value(merged, path, EnvironmentValue(variable, text)):
            issues.append(Issue(path=path, message="a key above it has a value that isn't a table", variable=variable))
    return merged, issues


def variables(sections: type[msgspec.Struct]) -> dict[str, KeyPath]:
    """Every variable of the gateway's own keys, the shorthands too, with the key that it sets."""
    found = dict(SHORTHANDS)
    for section in fields_of(sections):
        for struct in struct_members(section.type):
            found.update(_keys_of(struct, (section.encode_name,)))
    return found


def _keys_of(struct: type[msgspec.Struct], path: tuple[str, ...]) -> Iterator[tuple[str, KeyPath]]:
    """The variables of a table's keys, and of the tables in it. Tables of any name, and lists of tables, have to be set
    whole."""
    for field in fields_of(struct):
        where = (*path, field.encode_name)
        yield PREFIX + SEPARATOR.join(where).upper(), where
        if len(members := struct_members(field.type)) == 1:
            yield from _keys_of(members[0], where)


def set_value(tree: dict[str, Any], path: KeyPath, value: EnvironmentValue) -> bool:
    """Put `value` at `path`, copying the tables on the way; False if something on the way isn't a table."""
    *tables, last = (str(part) for part in path)
    for name in tables:
        key = find_key(tree, name) or name
        below = tree.get(key, {})
        if not isinstance(below, Mapping):
            return False
        tree[key] = dict(below)
        tree = tree[key]
    tree[find_key(tree, last) or last] = value
    return True


def find_key(keys: Iterable[str], name: str) -> str | None:
    """The key that `name` means, exactly or as an environment variable has to write it (any case, `_` for `-`)."""
    candidates = list(keys)
    if name in candidates:
        return name
    return next((key for key in candidates if folded(key) == folded(name)), None)


def _plugin_path(name: str) -> KeyPath | None:
    """The key of a plugin that a variable sets; whether the plugin has such a key shows when its section is decoded."""
    if not name.startswith(PLUGINS_PREFIX):
        return None
    parts = name.removeprefix(PREFIX).lower().split(SEPARATOR)
    return tuple(parts) if len(parts) > 2 and all(parts) else None


def _hint(name: str, valid: Iterable[str]) -> str:
    if name.startswith(KUBERNETES_LINKS):
        return KUBERNETES_HINT
    near = nearest(name, [*valid, CONFIG_VARIABLE])
    return f" Did you mean {near}?" if near else ""
