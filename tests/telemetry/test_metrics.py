"""`/-/metrics` of a real process, read with Prometheus's own parser."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fluxgate.telemetry.histogram import SECONDS, Histogram
from tests.support.gateway import GatewayProcess, wait_for
from tests.support.printing_gateway import PrintingGateway
from tests.support.rawpeer import RawUpstream, request_bytes


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream) -> Iterator[GatewayProcess]:
    with GatewayProcess(upstream.url) as process:
        yield process


def value(gateway: GatewayProcess, name: str, **labels: str) -> float:
    """The sum over all series that have these labels."""
    text = gateway.ask("GET", "/-/metrics").body.decode()
    samples = [sample for family in parse_text(text) for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def test_it_is_what_prometheus_reads(gateway: GatewayProcess) -> None:
    plain = gateway.ask("GET", "/-/metrics")
    assert plain.all(b"content-type")[0].startswith(b"text/plain")
    names = {family.name for family in parse_text(plain.body.decode())}
    assert {"fluxgate_requests", "fluxgate_event_loop_lag_seconds", "fluxgate_plugin_status"} <= names
    assert {"process_resident_memory_bytes", "python_info"} <= names
    asked = (("Accept", "application/openmetrics-text; version=1.0.0"),)
    openmetrics = gateway.ask("GET", "/-/metrics", asked)
    assert openmetrics.all(b"content-type")[0].startswith(b"application/openmetrics-text")
    assert names <= {family.name for family in parse_openmetrics(openmetrics.body.decode())} | names


def test_requests_bytes_and_times(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    labels = {"plugin": "t", "route": "/api/t/r/{key}"}
    before = value(gateway, "fluxgate_requests_total", **labels, method="POST", status="2xx")
    received = value(gateway, "fluxgate_request_bytes_total", **labels)
    for number in range(3):
        gateway.ask("POST", f"/api/t/r/counted{number}", (), b"12345")
    assert value(gateway, "fluxgate_requests_total", **labels, method="POST", status="2xx") == before + 3
    assert value(gateway, "fluxgate_request_bytes_total", **labels) == received + 15
    assert value(gateway, "fluxgate_response_bytes_total", **labels) >= 6
    assert value(gateway, "fluxgate_request_duration_seconds_count", **labels) >= 3
    assert value(gateway, "fluxgate_upstream_requests_total", plugin="t", upstream="raw", status="2xx") >= 3
    assert value(gateway, "fluxgate_upstream_first_byte_seconds_count", plugin="t", upstream="raw") >= 3
    assert value(gateway, "fluxgate_upstream_connections_max", plugin="t", upstream="raw") == 300


def test_paths_make_no_series(gateway: GatewayProcess) -> None:
    def series() -> int:
        return gateway.ask("GET", "/-/metrics").body.count(b"\n")

    gateway.ask("GET", "/api/t/hello/x")
    gateway.ask("GET", "/nowhere")
    series()  # the first question about series makes one of its own
    before = series()
    for number in range(50):
        gateway.ask("GET", f"/api/t/hello/{number}")
        gateway.ask("GET", f"/nowhere/{number}")
    assert series() == before
    assert value(gateway, "fluxgate_requests_total", route="unmatched", status="4xx") >= 51


def test_failures_by_kind_and_problems_by_code(gateway: GatewayProcess) -> None:
    gateway.ask("GET", "/api/t/refusing/x")
    assert value(gateway, "fluxgate_upstream_errors_total", upstream="refusing", kind="ConnectError") >= 1
    assert value(gateway, "fluxgate_upstream_attempts_total", upstream="refusing") >= 2
    assert value(gateway, "fluxgate_problems_total", plugin="t", code="UPSTREAM_UNREACHABLE") >= 1
    gateway.ask("GET", "/api/t/fails")
    assert value(gateway, "fluxgate_problems_total", plugin="t", code="INTERNAL_ERROR") >= 1


def test_what_runs_and_who_left(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.run("running")(lambda peer, request: peer.wait_end())
    labels = {"plugin": "t", "route": "/api/t/r/{key}"}
    with gateway.client() as client:
        client.send(request_bytes("GET", "/api/t/r/running"))
        wait_for(lambda: value(gateway, "fluxgate_requests_running", **labels) == 1)
        wait_for(lambda: value(gateway, "fluxgate_upstream_connections_in_use", upstream="raw") >= 1)
    wait_for(lambda: value(gateway, "fluxgate_requests_running", **labels) == 0)
    wait_for(lambda: value(gateway, "fluxgate_requests_total", **labels, status="4xx") >= 1)


def test_a_blocked_loop_shows_and_is_logged(gateway: GatewayProcess) -> None:
    wait_for(lambda: value(gateway, "fluxgate_event_loop_lag_seconds_count") > 1)
    assert value(gateway, "fluxgate_event_loop_lag_max_seconds") < 5
    gateway.process.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: psutil.Process(gateway.pid).status() == psutil.STATUS_STOPPED)
        time.sleep(1.0)  # what is measured is this very time
    finally:
        gateway.process.send_signal(signal.SIGCONT)
    gateway.logged("the event loop was blocked for")
    assert value(gateway, "fluxgate_event_loop_lag_seconds_sum") > 0.2


def test_the_printing_plugins_gauges_and_a_cameras_bytes() -> None:
    with PrintingGateway('[auth]\nallowed_hosts = ["*"]\n[plugins.printing]\nbackend = "native"\n') as gateway:

        def numbers() -> dict[str, float]:
            text = gateway.client.get(f"{gateway.url}/-/metrics").text
            found: dict[str, float] = {}
            for family in parse_text(text):
                for sample in family.samples:
                    key = sample.name + "".join(f" {name}={text}" for name, text in sorted(sample.labels.items()))
                    found[key] = sample.value
            return found

        assert numbers()["fluxgate_printing_printers status=idle"] == 1
        with gateway.client.stream("GET", f"{gateway.url}/api/printing/camera/stream") as stream:
            pictures = stream.iter_raw()
            for _ in range(20):
                next(pictures)
            seen = numbers()
            assert seen["fluxgate_printing_camera_viewers printer=virtual"] == 1
            assert seen["fluxgate_streams_open plugin=printing route=/api/printing/camera/stream"] == 1
        stream_bytes = "fluxgate_response_bytes_total plugin=printing route=/api/printing/camera/stream"
        wait_for(lambda: numbers().get(stream_bytes, 0) > 50_000, 10)


@given(st.lists(st.floats(min_value=0, max_value=100, allow_nan=False)))
def test_the_histogram_counts_like_anybody_would(values: list[float]) -> None:
    histogram = Histogram()
    for one in values:
        histogram.observe(one)
    assert math.isclose(histogram.sum, sum(values), abs_tol=1e-6)
    expected = [(repr(bound), sum(one <= bound for one in values)) for bound in SECONDS]
    assert histogram.buckets() == [*expected, ("+Inf", len(values))]
