"""Spans as a collector gets them: OTLP over HTTP, decoded with OpenTelemetry's own messages."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.fluxprint import running_fluxprint
from tests.support.gateway import wait_for
from tests.support.printing_gateway import PrintingGateway

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """Takes traces on a free port. `spans` by trace id."""

    def __init__(self) -> None:
        self.spans: dict[str, list[Any]] = {}
        self.services: set[str] = set()
        self.keys: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.take(self.path, body, self.headers.get("X-Collector-Key", ""))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, body: bytes, key: str) -> None:
        assert path == "/v1/traces"
        self.keys.add(key)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.setdefault(span.trace_id.hex(), []).append(span)


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def config(url: str, more: str = "") -> str:
    lines = [f'endpoint = "{url}"', 'service_name = "workshop"', 'headers = { "X-Collector-Key" = "k" }', more]
    return "\n".join(["[telemetry.otlp]", *lines, ""])


def test_a_request_and_its_upstream_are_two_spans_of_the_callers_trace(collector: Collector) -> None:
    with running_fluxprint() as service:
        with PrintingGateway(config(collector.url), FLUXPRINT_SERVICE_URL=service.url) as gateway:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            assert gateway.request("GET", "/status?secret=hunter2", headers=headers).status_code == 200
            unsampled = {"traceparent": f"00-{'a' * 32}-{PARENT}-00"}
            assert gateway.request("GET", "/status", headers=unsampled).status_code == 200
            assert gateway.request("GET", "/nowhere").status_code == 404
        first = service.requests("/api/printer/status")[0]
        [told] = [value for name, value in first.headers if name.lower() == "traceparent"]
    server, client = sorted(collector.spans[TRACE], key=lambda span: span.kind)
    assert (server.name, client.name) == ("GET /api/printing/status", "GET fluxprint")
    assert (server.parent_span_id.hex(), client.parent_span_id) == (PARENT, server.span_id)
    assert told == f"00-{TRACE}-{client.span_id.hex()}-01"
    said = attributes(server)
    assert (said["http.route"], said["http.response.status_code"]) == ("/api/printing/status", 200)
    assert (said["url.path"], said["fluxgate.plugin"]) == ("/api/printing/status", "printing")
    assert attributes(client)["http.response.status_code"] == 200
    assert server.start_time_unix_nano <= client.start_time_unix_nano < client.end_time_unix_nano
    assert "a" * 32 not in collector.spans
    assert any(span.name == "GET" for spans in collector.spans.values() for span in spans), "what has no route, too"
    assert collector.services == {"workshop"}
    assert collector.keys == {"k"}
    assert not any("hunter2" in str(span) for spans in collector.spans.values() for span in spans)


def test_a_failed_upstream_is_an_error(collector: Collector) -> None:
    with PrintingGateway(config(collector.url), FLUXPRINT_SERVICE_URL="http://127.0.0.1:9") as gateway:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        assert gateway.request("GET", "/status", headers=headers).status_code == 503
    server, client = sorted(collector.spans[TRACE], key=lambda span: span.kind)
    assert attributes(server)["error.type"] == "PRINTING_SERVICE_UNAVAILABLE"
    assert attributes(client)["error.type"] == "ConnectError"
    assert server.status.code == client.status.code == 2


def test_a_dead_collector_costs_nothing(collector: Collector) -> None:
    with PrintingGateway(config("http://127.0.0.1:9") + '[plugins.printing]\nbackend = "native"\n') as gateway:
        for _ in range(20):
            assert gateway.request("GET", "/status").status_code == 200
        wait_for(lambda: gateway.health()["status"] == "ok")


def test_without_it_nothing_is_imported_and_its_absence_is_said(tmp_path: Path) -> None:
    code = (
        "import sys, fluxgate.app\n"
        "assert not any(name.startswith('opentelemetry.exporter') for name in sys.modules)\n"
        "sys.modules['opentelemetry.sdk.trace.export'] = None\n"
        "from fluxgate.settings import OtlpSettings\n"
        "from fluxgate.telemetry.otel import tracer_of\n"
        "from fluxgate.errors import SettingsError\n"
        "try: tracer_of(OtlpSettings(endpoint='http://x'))\n"
        "except SettingsError as error: print(error)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "telemetry.otlp.endpoint" in finished.stdout
    assert "pip install 'fluxgate[otel]'" in finished.stdout
