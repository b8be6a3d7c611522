"""What the gateway tells of its requests: metrics, traces, the access log."""

from fluxgate.telemetry.telemetry import Telemetry

__all__ = ["Telemetry"]
