"""`fluxgate.toml` and the environment as structs; an error names file, line, key and the nearest valid key."""

from fluxgate.settings.audit import AuditSettings
from fluxgate.settings.auth import AuthSettings, Issuer, KeySettings, LinkSettings, SessionSettings
from fluxgate.settings.browser import BrowserSettings
from fluxgate.settings.jwt import ClaimSettings, JwtSettings, VerificationKeySettings
from fluxgate.settings.limits import LimitSettings, PluginLimits, UpstreamLimits
from fluxgate.settings.loader import CONFIG_NAME, load_settings
from fluxgate.settings.model import DatabaseSettings, GatewaySettings, MigrationMode, Settings
from fluxgate.settings.plugins import NoSettings, decode_plugin_settings, unknown_sections
from fluxgate.settings.sources import Sources
from fluxgate.settings.telemetry import OtlpSettings, TelemetrySettings

__all__ = [
    "CONFIG_NAME",
    "AuditSettings",
    "AuthSettings",
    "BrowserSettings",
    "ClaimSettings",
    "DatabaseSettings",
    "GatewaySettings",
    "Issuer",
    "JwtSettings",
    "KeySettings",
    "LimitSettings",
    "LinkSettings",
    "MigrationMode",
    "NoSettings",
    "OtlpSettings",
    "PluginLimits",
    "SessionSettings",
    "Settings",
    "Sources",
    "TelemetrySettings",
    "UpstreamLimits",
    "VerificationKeySettings",
    "decode_plugin_settings",
    "load_settings",
    "unknown_sections",
]
