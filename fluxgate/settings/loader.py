"""Finds, reads and decodes the configuration: file, then environment, then defaults."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fluxgate.errors import SettingsError
from fluxgate.settings.decode import decode
from fluxgate.settings.environment import CONFIG_VARIABLE, overlay
from fluxgate.settings.locate import locate_keys
from fluxgate.settings.model import (
    DATABASE_FILE,
    SQLITE_PREFIX,
    DatabaseSettings,
    GatewaySettings,
    Sections,
    Settings,
)
from fluxgate.settings.sources import EnvironmentValue, Issue, Sources

__all__ = ["CONFIG_NAME", "load_settings"]

CONFIG_NAME = "fluxgate.toml"
TOML_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


def load_settings(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from `path`, else `FLUXGATE_CONFIG`, else `./fluxgate.toml` if it is there; the environment wins.

    Relative paths in the file start from its folder, those in the environment from the working directory.
    Raises `SettingsError`.
    """
    file = _find(path, environ)
    document, sources = ({}, Sources(base=Path.cwd())) if file is None else _read(file)
    merged, issues = overlay(document, environ, Sections)
    plugins = merged.pop("plugins", {})
    if not isinstance(plugins, Mapping):
        issues.append(Issue(path=("plugins",), message="must be a table"))
        plugins = {}
    for name, section in plugins.items():
        if not isinstance(section, Mapping):
            issues.append(Issue(path=("plugins", name), message="must be a table"))
    if issues:
        raise sources.error(issues)
    sections = decode(merged, Sections, path=(), sources=sources, environ=environ)
    gateway = _place_data_dir(sections.gateway, merged, sources)
    return Settings(
        gateway=gateway,
        database=_place_database(sections.database, gateway, merged, sources),
        auth=sections.auth,
        limits=sections.limits,
        audit=sections.audit,
        telemetry=sections.telemetry,
        browser=sections.browser,
        vault=sections.vault,
        plugins=plugins,
        sources=sources,
    )


def _find(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    default = Path(CONFIG_NAME)
    return default if default.is_file() else None


def _read(file: Path) -> tuple[dict[str, Any], Sources]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError("there is no such file", file=file) from None
    except OSError as error:
        raise SettingsError(f"can't be read: {error.strerror}", file=file) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError("isn't UTF-8 text", file=file, line=line) from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = TOML_PLACE.search(str(error))
        line = int(place["line"]) if place and place["line"] else text.count("\n") + 1
        raise SettingsError(f"not valid TOML: {TOML_PLACE.sub('', str(error))}", file=file, line=line) from None
    except RecursionError:
        raise SettingsError("not valid TOML: nested too deeply", file=file) from None
    return document, Sources(file=file, base=file.absolute().parent, lines=locate_keys(text))


def _place_data_dir(gateway: GatewaySettings, merged: Mapping[str, Any], sources: Sources) -> GatewaySettings:
    base = _base(merged, "gateway", "data_dir", sources)
    return msgspec.structs.replace(gateway, data_dir=base / gateway.data_dir)


def _place_database(
    database: DatabaseSettings, gateway: GatewaySettings, merged: Mapping[str, Any], sources: Sources
) -> DatabaseSettings:
    """The SQLite file as an absolute path; in the data folder if no URL is set."""
    if not database.is_sqlite:
        return database
    if "url" in merged.get("database", {}):
        file = _base(merged, "database", "url", sources) / database.sqlite_path
    else:
        file = gateway.data_dir / DATABASE_FILE
    return msgspec.structs.replace(database, url=f"{SQLITE_PREFIX}{file}")


def _base(merged: Mapping[str, Any], section: str, key: str, sources: Sources) -> Path:
    """The folder that a relative path at `section.key` starts from."""
    from_environment = isinstance(merged.get(section, {}).get(key), EnvironmentValue)
    return Path.cwd() if from_environment else sources.base
