"""`[telemetry]`: metrics, traces and what is logged of requests."""

from __future__ import annotations

import msgspec

__all__ = ["TelemetrySettings"]


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metrics, traces and what is logged of requests."""
