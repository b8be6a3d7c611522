"""Spans for OpenTelemetry: one of the gateway for each request, one below it for the upstream.

They are made when a request has ended, from what is known of it then, and handed to OpenTelemetry's own batch
processor, which sends them from a thread of its own. Without `[telemetry.otlp]` nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import msgspec

from fluxgate import __version__
from fluxgate.errors import SettingsError
from fluxgate.routing import Route
from fluxgate.settings.telemetry import OtlpSettings
from fluxgate.telemetry.outcome import Answered, outcome_of
from fluxgate.tracecontext import TraceContext
from fluxgate.types import Scope

if TYPE_CHECKING:
    from fluxgate.proxy.timing import UpstreamCall

__all__ = ["Tracer", "tracer_of"]

_SECOND = 1_000_000_000


def tracer_of(settings: OtlpSettings) -> Tracer:
    """A tracer that sends to the collector. Raises SettingsError if the packages for it aren't installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            "traces need OpenTelemetry: pip install 'fluxgate[otel]'", key="telemetry.otlp.endpoint"
        ) from error
    path = urlsplit(settings.endpoint).path.strip("/")
    endpoint = settings.endpoint if path else settings.endpoint.rstrip("/") + "/v1/traces"
    exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(settings.headers), timeout=5)
    resource = Resource.create({"service.name": settings.service_name, "service.version": __version__})
    return Tracer(BatchSpanProcessor(exporter), resource)


class _Span(msgspec.Struct):
    """One span; times in nanoseconds since 1970."""

    kind: Literal["server", "client"]
    name: str
    id: str
    parent_id: str
    attributes: dict[str, Any]
    begun: int
    ended: int
    failed: bool


class Tracer:
    """Makes spans of ended requests and gives them to `processor`."""

    def __init__(self, processor: Any, resource: Any) -> None:
        self._processor = processor
        self._resource = resource

    async def stop(self) -> None:
        """Send what is left, for a few seconds at most."""
        await asyncio.to_thread(self._processor.shutdown)

    def record(self, scope: Scope, route: Route | None, answer: Answered, seconds: float, now: int) -> None:
        """A request that ended at `now` (nanoseconds since 1970) after `seconds`."""
        trace: TraceContext = scope["fluxgate.trace"]
        begun = now - int(seconds * _SECOND)
        template = route.template if route is not None else ""
        client = scope.get("client")
        attributes: dict[str, Any] = {
            "http.request.method": scope["method"],
            "url.path": scope["raw_path"].decode("ascii", "backslashreplace"),
            "url.scheme": scope["scheme"],
            "network.protocol.version": scope["http_version"],
            "http.response.body.size": answer.sent,
            "fluxgate.request_id": scope["fluxgate.request_id"],
        }
        if client:
            attributes["client.address"] = client[0]
        if route is not None:
            attributes |= {"http.route": template, "fluxgate.plugin": route.plugin or "gateway"}
        if answer.status:
            attributes["http.response.status_code"] = answer.status
        outcome = outcome_of(scope, answer)
        if outcome != "ok":
            attributes["error.type"] = scope.get("fluxgate.problem_code") or outcome
        failed = outcome in {"broken", "cut"} or answer.status >= 500
        name = f"{scope['method']} {template}".strip()
        span = _Span("server", name, trace.span_id, trace.parent_id, attributes, begun, now, failed=failed)
        self._export(span, trace)
        call: UpstreamCall | None = scope.get("fluxgate.upstream")
        if call is not None and call.span_id:
            asked: dict[str, Any] = {
                "http.request.method": scope["method"],
                "fluxgate.upstream": call.name,
                "http.request.resend_count": call.attempts - 1,
            }
            if call.status:
                asked["http.response.status_code"] = call.status
            if call.error:
                asked["error.type"] = call.error
            asked_at = begun + int(call.offset(seconds) * _SECOND)
            name = f"{scope['method']} {call.name}"
            self._export(
                _Span("client", name, call.span_id, trace.span_id, asked, asked_at, now, failed=bool(call.error)), trace
            )

    def _export(self, span: _Span, trace: TraceContext) -> None:
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

        flags = TraceFlags(TraceFlags.SAMPLED)
        trace_id = int(trace.trace_id, 16)
        is_server = span.kind == "server"
        context = SpanContext(trace_id, int(span.id, 16), is_remote=False, trace_flags=flags)
        parent = None
        if span.parent_id:
            parent = SpanContext(trace_id, int(span.parent_id, 16), is_remote=is_server, trace_flags=flags)
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=context,
                parent=parent,
                resource=self._resource,
                attributes=span.attributes,
                kind=SpanKind.SERVER if is_server else SpanKind.CLIENT,
                status=Status(StatusCode.ERROR) if span.failed else Status(StatusCode.UNSET),
                start_time=span.begun,
                end_time=span.ended,
                instrumentation_scope=InstrumentationScope("fluxgate", __version__),
            )
        )
