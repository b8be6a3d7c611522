"""The two hooks a plugin implements. Both are asked without side effects; work starts in the spec's `lifespan`."""

from __future__ import annotations

from typing import Any

import pluggy

from fluxgate.plugin import PluginSettings, PluginSpec

NAMESPACE = "fluxgate"

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec(firstresult=True)
def fluxgate_settings() -> PluginSettings | None:
    """The plugin's settings struct and the environment variables that set its keys."""


@hookspec(firstresult=True)
def fluxgate_plugin(settings: Any) -> PluginSpec | None:
    """What the plugin is: its routes, upstreams, checks, tables, UI and lifespan, built from its decoded settings."""
