"""`fluxgate.toml` and the environment as structs; an error names file, line, key and the nearest valid key."""

from fluxgate.settings.loader import CONFIG_NAME, load_settings
from fluxgate.settings.model import DatabaseSettings, GatewaySettings, MigrationMode, Settings
from fluxgate.settings.plugins import NoSettings, decode_plugin_settings, unknown_sections
from fluxgate.settings.sources import Sources

__all__ = [
    "CONFIG_NAME",
    "DatabaseSettings",
    "GatewaySettings",
    "MigrationMode",
    "NoSettings",
    "Settings",
    "Sources",
    "decode_plugin_settings",
    "load_settings",
    "unknown_sections",
]
