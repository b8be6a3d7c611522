"""What several commands need: the gateway as configured, without starting it, and the plugins' declared settings."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fluxgate.app import Gateway, create_app
from fluxgate.logs import configure_logging
from fluxgate.plugins.discovery import installed
from fluxgate.plugins.loading import declared_settings_of
from fluxgate.settings import Settings, load_settings
from fluxgate.settings.describe import PluginSection


def configured(config: Path | None) -> Settings:
    """The settings, with logging set up as they say."""
    settings = load_settings(config)
    configure_logging(settings.gateway)
    return settings


def assembled(config: Path | None) -> Gateway:
    """The gateway with every plugin loaded and none started."""
    return create_app(configured(config), os.environ)


def declared_settings() -> list[PluginSection]:
    """What each installed plugin that can be imported declares."""
    found: list[PluginSection] = []
    for name, entry_point in sorted(installed().items()):
        declared = declared_settings_of(name, entry_point)
        if declared is not None:
            found.append(PluginSection(name=name, title=name, type=declared.type, environment=declared.environment))
    return found


def table(rows: list[tuple[str, ...]]) -> None:
    """Print rows, the first of them the heading, in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
