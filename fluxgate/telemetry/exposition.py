"""The gateway's numbers as Prometheus reads them: collected when they are asked for, never before.

Labels come from declarations (plugin, route template, upstream) and from small fixed sets, never from a path or a
caller, so their number is bounded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from fluxgate import __version__
from fluxgate.telemetry.histogram import Histogram
from fluxgate.telemetry.lag import LoopLag
from fluxgate.telemetry.requests import RequestMetrics

if TYPE_CHECKING:
    from fluxgate.plugins.host import PluginHost
    from fluxgate.proxy.cache import MicroCache
    from fluxgate.store import Store

__all__ = ["Exposition"]

logger = logging.getLogger("fluxgate.telemetry")

_CIRCUIT = ("closed", "half-open", "open")
_STATUSES = ("active", "starting", "quarantined")


class Exposition:
    """Of one gateway."""

    def __init__(
        self, requests: RequestMetrics, lag: LoopLag, host: PluginHost, store: Store, cache: MicroCache
    ) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(_GatewayCollector(requests, lag, host, store, cache))

    def render(self, accept: str) -> tuple[bytes, str]:
        """Body and content type, in the form that the field Accept asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _GatewayCollector(Collector):
    def __init__(
        self, requests: RequestMetrics, lag: LoopLag, host: PluginHost, store: Store, cache: MicroCache
    ) -> None:
        self._requests = requests
        self._lag = lag
        self._host = host
        self._store = store
        self._cache = cache

    def describe(self) -> Iterable[Metric]:
        """Nothing: else the registry would collect everything to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Part of Collector."""
        build = GaugeMetricFamily("fluxgate_build_info", "The gateway's version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield from self._of_requests()
        yield from self._of_upstreams()
        yield from self._of_pools()
        yield from self._of_plugins()
        kept = CounterMetricFamily("fluxgate_cache_requests", "Requests of cached routes.", labels=["result"])
        for result in ("hits", "misses", "collapsed", "stale"):
            kept.add_metric([result], getattr(self._cache, result))
        yield kept
        yield GaugeMetricFamily("fluxgate_cache_bytes", "What is kept, in bytes, about.", self._cache.size)
        yield _histogram(
            "fluxgate_event_loop_lag_seconds", "How late the event loop was.", [], [([], self._lag.seconds)]
        )
        yield GaugeMetricFamily(
            "fluxgate_event_loop_lag_max_seconds", "The latest since the last scrape.", self._lag.take_longest()
        )
        yield GaugeMetricFamily(
            "fluxgate_database_ready", "Whether the gateway's own tables can be used.", int(self._store.is_answering)
        )

    def _of_requests(self) -> Iterator[Metric]:
        names = ["plugin", "route"]
        total = CounterMetricFamily(
            "fluxgate_requests", "Requests that have ended.", labels=[*names, "method", "status"]
        )
        received = CounterMetricFamily("fluxgate_request_bytes", "Bytes of request bodies.", labels=names)
        sent = CounterMetricFamily("fluxgate_response_bytes", "Bytes of answers' bodies.", labels=names)
        running = GaugeMetricFamily("fluxgate_requests_running", "Requests under way.", labels=names)
        streams = GaugeMetricFamily("fluxgate_streams_open", "Streams under way.", labels=names)
        times = []
        for route, stats in list(self._requests.routes.items()):
            labels = [route.plugin or "gateway", route.template] if route is not None else ["gateway", "unmatched"]
            for (method, status), count in self._requests.classes(stats.counts).items():
                total.add_metric([*labels, method, status], count)
            received.add_metric(labels, stats.received)
            sent.add_metric(labels, stats.sent)
            if route is not None and route.is_stream:
                streams.add_metric(labels, stats.running)
            else:
                running.add_metric(labels, stats.running)
                times.append((labels, stats.seconds))
        yield from (total, received, sent, running, streams)
        yield _histogram(
            "fluxgate_request_duration_seconds", "From a request's head to the end of its answer.", names, times
        )
        problems = CounterMetricFamily(
            "fluxgate_problems", "Requests answered with a problem, by its code.", labels=["plugin", "code"]
        )
        for (plugin, code), count in list(self._requests.problems.items()):
            problems.add_metric([plugin or "gateway", code], count)
        yield problems

    def _of_upstreams(self) -> Iterator[Metric]:
        names = ["plugin", "upstream"]
        total = CounterMetricFamily("fluxgate_upstream_requests", "Answers of upstreams.", labels=[*names, "status"])
        errors = CounterMetricFamily("fluxgate_upstream_errors", "Failures of upstreams.", labels=[*names, "kind"])
        attempts = CounterMetricFamily("fluxgate_upstream_attempts", "Tries, retries too.", labels=names)
        connect, first_byte = [], []
        for key, stats in list(self._requests.upstreams.items()):
            labels = list(key)
            classes: dict[str, int] = {}
            for status, count in stats.counts.items():
                name = f"{status // 100}xx"
                classes[name] = classes.get(name, 0) + count
            for name, count in classes.items():
                total.add_metric([*labels, name], count)
            for kind, count in stats.errors.items():
                errors.add_metric([*labels, kind], count)
            attempts.add_metric(labels, stats.attempts)
            connect.append((labels, stats.connect))
            first_byte.append((labels, stats.first_byte))
        yield from (total, errors, attempts)
        yield _histogram("fluxgate_upstream_connect_seconds", "Until a connection was at hand.", names, connect)
        yield _histogram(
            "fluxgate_upstream_first_byte_seconds", "From the request until the answer's head.", names, first_byte
        )

    def _of_pools(self) -> Iterator[Metric]:
        names = ["plugin", "upstream"]
        kinds = {
            kind: GaugeMetricFamily(f"fluxgate_upstream_connections_{kind}", text, labels=names)
            for kind, text in (
                ("in_use", "Connections that carry an exchange."),
                ("idle", "Connections kept alive."),
                ("waiting", "Requests that wait for a connection."),
                ("max", "The most connections at once."),
            )
        }
        circuit = GaugeMetricFamily(
            "fluxgate_upstream_circuit", "1 at the circuit breaker's state.", labels=[*names, "state"]
        )
        up = GaugeMetricFamily("fluxgate_upstream_up", "0 while the upstream's probe says it is down.", labels=names)
        for plugin, pools in self._host.pools.items():
            for name, pool in pools.items():
                labels = [plugin, name]
                for state in _CIRCUIT:
                    circuit.add_metric([*labels, state], int(pool.breaker.state == state))
                up.add_metric(labels, int(not pool.is_down))
                kinds["in_use"].add_metric(labels, pool.in_use)
                kinds["idle"].add_metric(labels, pool.idle)
                kinds["waiting"].add_metric(labels, pool.waiting)
                kinds["max"].add_metric(labels, pool.upstream.max_connections)
        yield from (circuit, up, *kinds.values())

    def _of_plugins(self) -> Iterator[Metric]:
        status = GaugeMetricFamily("fluxgate_plugin_status", "1 at the plugin's status.", labels=["plugin", "status"])
        for record in self._host.records:
            for name in _STATUSES:
                status.add_metric([record.name, name], int(record.status == name))
        yield status
        for record in self._host.records:
            if record.spec is None or not record.started:
                continue
            for gauge in record.spec.gauges:
                family = GaugeMetricFamily(
                    f"fluxgate_{_word(record.name)}_{gauge.name}", gauge.help, labels=gauge.labels
                )
                try:
                    for values, value in gauge.read():
                        family.add_metric(values, value)
                except Exception:
                    logger.exception("plugin %s: the gauge %s can't be read", record.name, gauge.name)
                    continue
                yield family


def _histogram(name: str, text: str, labels: list[str], series: list[tuple[list[str], Histogram]]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, histogram in series:
        family.add_metric(values, histogram.buckets(), histogram.sum)
    return family


def _word(name: str) -> str:
    return name.replace("-", "_")
