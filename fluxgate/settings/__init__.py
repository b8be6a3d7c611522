"""`fluxgate.toml` and the environment as structs; an error names file, line, key and the nearest valid key."""

from fluxgate.settings.audit import AuditSettings
from fluxgate.settings.auth import AuthSettings
from fluxgate.settings.browser import BrowserSettings
from fluxgate.settings.limits import LimitSettings, PluginLimits, UpstreamLimits
from fluxgate.settings.loader import CONFIG_NAME, load_settings
from fluxgate.settings.model import DatabaseSettings, GatewaySettings, MigrationMode, Settings
from fluxgate.settings.plugins import NoSettings, decode_plugin_settings, unknown_sections
from fluxgate.settings.sources import Sources
from fluxgate.settings.telemetry import TelemetrySettings

__all__ = [
    "CONFIG_NAME",
    "AuditSettings",
    "AuthSettings",
    "BrowserSettings",
    "DatabaseSettings",
    "GatewaySettings",
    "LimitSettings",
    "MigrationMode",
    "NoSettings",
    "PluginLimits",
    "Settings",
    "Sources",
    "TelemetrySettings",
    "UpstreamLimits",
    "decode_plugin_settings",
    "load_settings",
    "unknown_sections",
]
