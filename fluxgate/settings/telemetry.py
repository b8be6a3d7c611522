"""`[telemetry]`: metrics, traces and what is logged of requests."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from fluxgate.settings.urls import check_http_url

__all__ = ["OtlpSettings", "TelemetrySettings"]


class OtlpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Traces for OpenTelemetry, sent by OTLP over HTTP in the background. Needs `pip install fluxgate[otel]`."""

    endpoint: Annotated[
        str,
        Meta(
            description="Where the collector takes traces; `/v1/traces` is added if there is no path.",
            examples=["http://localhost:4318"],
        ),
    ]
    headers: Annotated[dict[str, str], Meta(description="Header fields that the collector wants, such as a key.")] = {}
    service_name: Annotated[str, Meta(min_length=1, description="What the traces call this gateway.")] = "fluxgate"
    sample_ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="How many of the traces that begin here are recorded; of those that callers began, the ones "
            "that they record.",
        ),
    ] = 1.0

    def __post_init__(self) -> None:
        check_http_url(self.endpoint, "endpoint")


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metrics, traces and what is logged of requests."""

    public_metrics: Annotated[
        bool,
        Meta(
            description="Show `/-/metrics` to anybody. Otherwise it needs an admin or the role `metrics`, on a gateway "
            "that asks who its callers are."
        ),
    ] = False
    quiet_reads: Annotated[
        bool,
        Meta(description="Leave successful GETs that took less than a second out of the access log."),
    ] = False
    watchdog: Annotated[
        bool,
        Meta(
            description="While the event loop is blocked for more than 0.25 s, log where it hangs. A thread of its own "
            "looks for that; the length of a block is logged in any case."
        ),
    ] = False
    otlp: OtlpSettings | None = None
