"""Loads one plugin: import, hooks on a plugin manager of its own, settings, declaration. Any failure quarantines
only this plugin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import EntryPoint

import pluggy

from fluxgate import hookspecs
from fluxgate.errors import PluginError
from fluxgate.plugin import PluginSettings, PluginSpec
from fluxgate.plugins.record import PluginRecord, Stage
from fluxgate.plugins.validation import check_types
from fluxgate.settings import NoSettings, Settings, decode_plugin_settings

# What a plugin's own code may raise without taking the process with it: all but KeyboardInterrupt and GeneratorExit.
PLUGIN_ERRORS = (Exception, SystemExit, asyncio.CancelledError)


def load(record: PluginRecord, entry_point: EntryPoint, settings: Settings, environ: Mapping[str, str]) -> None:
    """Fill `record.spec`, or put the record in quarantine."""
    try:
        module: object = entry_point.load()
    except PLUGIN_ERRORS as error:
        record.fail("import", error)
        return
    load_module(record, module, settings, environ)


def load_module(record: PluginRecord, module: object, settings: Settings, environ: Mapping[str, str]) -> None:
    """The same for a plugin that is imported already; `module` is a module or an object with the hooks."""
    stage: Stage = "declaration"
    try:
        manager = _manager(record.name, module)
        stage = "settings"
        declared = _declared_settings(manager)
        decoded = decode_plugin_settings(settings, record.name, declared.type, declared.environment, environ)
        stage = "declaration"
        spec = manager.hook.fluxgate_plugin(settings=decoded)
        if spec is None:
            raise PluginError("the plugin implements no fluxgate_plugin hook, or it returned None")
        if not isinstance(spec, PluginSpec):
            raise PluginError(f"fluxgate_plugin must return a PluginSpec, not {type(spec).__name__}")
        check_types(spec)
    except PLUGIN_ERRORS as error:
        record.fail(stage, error)
        return
    record.spec = spec
    record.version = record.version or spec.version


def declared_settings_of(name: str, entry_point: EntryPoint) -> PluginSettings | None:
    """What an installed plugin declares as its settings; None if it declares none or can't be imported."""
    try:
        declared = _declared_settings(_manager(name, entry_point.load()))
    except PLUGIN_ERRORS:  # the isolation boundary; loading it for real reports the reason
        return None
    return None if declared.type is NoSettings else declared


def _manager(name: str, module: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    manager.check_pending()
    return manager


def _declared_settings(manager: pluggy.PluginManager) -> PluginSettings:
    declared = manager.hook.fluxgate_settings()
    if declared is None:
        return PluginSettings(type=NoSettings)
    if not isinstance(declared, PluginSettings):
        raise PluginError(f"fluxgate_settings must return PluginSettings, not {type(declared).__name__}")
    check_types(declared)
    return declared
