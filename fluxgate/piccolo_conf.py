"""What Piccolo's command line needs: the configured database, and every installed plugin's Piccolo app.

`piccolo migrations forwards all` finds it through the checkout's `piccolo_conf.py`, or anywhere with
`PICCOLO_CONF=fluxgate.piccolo_conf`.
The gateway itself doesn't import it: see `fluxgate.migrations`.
"""

from __future__ import annotations

import importlib
import logging
from importlib.metadata import entry_points
from pathlib import Path

from piccolo.conf.apps import AppRegistry

from fluxgate.db import Database
from fluxgate.engines import PooledSqliteEngine
from fluxgate.settings import load_settings

__all__ = ["APP_REGISTRY", "DB"]

ENTRY_POINTS = "fluxgate.piccolo_apps"


def installed_apps() -> list[str]:
    """Import paths of the plugins' Piccolo apps. One that can't be imported is left out, with a warning."""
    apps: list[str] = []
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        try:
            importlib.import_module(entry_point.value)
        except Exception:
            logging.getLogger(__name__).warning(
                "%s is left out: %s can't be imported", entry_point.name, entry_point.value, exc_info=True
            )
        else:
            apps.append(entry_point.value)
    return apps


DB = Database.from_url(load_settings().database.url).engine
if isinstance(DB, PooledSqliteEngine):
    Path(DB.path).parent.mkdir(parents=True, exist_ok=True)

APP_REGISTRY = AppRegistry(apps=installed_apps())
