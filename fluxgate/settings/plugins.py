"""A plugin's section, decoded to the struct that the plugin declares."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from fluxgate.errors import SettingsError
from fluxgate.settings.decode import decode
from fluxgate.settings.environment import find_key, set_value
from fluxgate.settings.model import Settings
from fluxgate.settings.sources import EnvironmentValue, Issue
from fluxgate.settings.suggest import nearest

__all__ = ["NoSettings", "decode_plugin_settings", "unknown_sections"]

S = TypeVar("S", bound=msgspec.Struct)


class NoSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a plugin that declares no settings gets: any key in its section is refused."""


def decode_plugin_settings(
    settings: Settings,
    name: str,
    type: type[S],  # noqa: A002 - named as in `PluginSettings`
    environment: Mapping[str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> S:
    """The struct of the plugin `name` from `[plugins.<name>]`, with unknown keys refused.

    `environment` maps variables of the plugin's choosing to key paths in its section; they win over the file, and
    `FLUXGATE_PLUGINS__…` wins over both. An empty variable counts as unset. Raises `SettingsError` with all mistakes
    that were found.
    """
    key = find_key(settings.plugins, name) or name
    section: dict[str, Any] = dict(settings.plugins.get(key, {}))
    issues: list[Issue] = []
    for variable, dotted in (environment or {}).items():
        path = tuple(dotted.split("."))
        text = environ.get(variable)
        if not text or _is_set_by_environment(section, path):
            continue
        if not set_value(section, path, EnvironmentValue(variable, text)):
            where = ("plugins", key, *path)
            issues.append(Issue(path=where, message="a key above it has a value that isn't a table", variable=variable))
    if issues:
        raise settings.sources.error(issues)
    return decode(section, type, path=("plugins", key), sources=settings.sources, environ=environ)


def unknown_sections(settings: Settings, installed: Iterable[str]) -> list[SettingsError]:
    """An error for each `[plugins.<name>]` whose plugin isn't installed, with the nearest name that is."""
    names = list(installed)
    used = {find_key(settings.plugins, name) for name in names}
    errors: list[SettingsError] = []
    for section, values in settings.plugins.items():
        if section not in used:
            near = nearest(section, names)
            hint = f" Did you mean `{near}`?" if near else ""
            setter = _first_variable(values)
            issue = Issue(path=("plugins", section), message=f"no such plugin is installed.{hint}", variable=setter)
            errors.append(settings.sources.error([issue]))
    return errors


def _is_set_by_environment(section: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether a `FLUXGATE_PLUGINS__…` variable has set this key or a table around it."""
    value: Any = section
    for part in path:
        key = find_key(value, part) if isinstance(value, Mapping) else None
        if key is None:
            return False
        value = value[key]
        if isinstance(value, EnvironmentValue):
            return True
    return False


def _first_variable(values: Mapping[str, Any]) -> str | None:
    """The variable that made this section, if nothing but variables did."""
    variables: list[str] = []
    pending: list[Any] = list(values.values())
    while pending:
        value = pending.pop(0)
        if isinstance(value, EnvironmentValue):
            variables.append(value.variable)
        elif isinstance(value, Mapping):
            pending.extend(value.values())
        else:
            return None
    return variables[0] if variables else None
