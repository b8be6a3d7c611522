"""Loads one plugin: import, hooks on a plugin manager of its own, settings, declaration. Any failure quarantines
only this plugin."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import ModuleType

import pluggy

from fluxgate import hookspecs
from fluxgate.errors import PluginError
from fluxgate.plugin import PluginSettings, PluginSpec
from fluxgate.plugins.record import PluginRecord
from fluxgate.settings import NoSettings, Settings, decode_plugin_settings


def load(record: PluginRecord, entry_point: EntryPoint, settings: Settings, environ: Mapping[str, str]) -> None:
    """Fill `record.spec`, or put the record in quarantine."""
    try:
        module = entry_point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the isolation boundary: a plugin's import may raise anything
        record.fail("import", error)
        return
    load_module(record, module, settings, environ)


def load_module(
    record: PluginRecord, module: ModuleType | object, settings: Settings, environ: Mapping[str, str]
) -> None:
    """The same for a plugin that is imported already."""
    try:
        manager = _manager(record.name, module)
    except Exception as error:  # noqa: BLE001 - the isolation boundary
        record.fail("declaration", error)
        return
    try:
        declared = manager.hook.fluxgate_settings()
        if declared is not None and not isinstance(declared, PluginSettings):
            raise PluginError(f"fluxgate_settings must return PluginSettings, not {type(declared).__name__}")
        declared = declared or PluginSettings(type=NoSettings)
        decoded = decode_plugin_settings(settings, record.name, declared.type, declared.environment, environ)
    except Exception as error:  # noqa: BLE001 - the isolation boundary
        record.fail("settings", error)
        return
    try:
        spec = manager.hook.fluxgate_plugin(settings=decoded)
        if not isinstance(spec, PluginSpec):
            raise PluginError(f"fluxgate_plugin must return a PluginSpec, not {type(spec).__name__}")
    except Exception as error:  # noqa: BLE001 - the isolation boundary
        record.fail("declaration", error)
        return
    record.spec = spec
    record.version = record.version or spec.version


def _manager(name: str, module: ModuleType | object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    manager.check_pending()
    return manager


def declared_settings_of(name: str, entry_point: EntryPoint) -> PluginSettings | None:
    """What an installed plugin declares as its settings; None if it declares none or can't be imported."""
    try:
        declared = _manager(name, entry_point.load()).hook.fluxgate_settings()
    except (Exception, SystemExit):  # noqa: BLE001 - the isolation boundary; loading it for real reports the reason
        return None
    return declared if isinstance(declared, PluginSettings) else None
