"""Proxied GETs: throughput at 64 connections, and the latency that a proxy adds at 1 and at 32."""

from __future__ import annotations

import http.client
import statistics
from collections import defaultdict

import msgspec

from benchmarks import wrk
from benchmarks.contestants import GATEWAY_PATHS, PROXIES, ROUTES, UPSTREAM_PATHS, Workshop
from benchmarks.processes import HOST, PrerequisiteError, Server
from benchmarks.report import Row, at_most, ratio_at_least, ratio_at_most


def fetch(server: Server, path: str) -> bytes:
    """The body of one GET; raises PrerequisiteError unless it is answered 200."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise PrerequisiteError(f"{path} of {server.process.args!r} is answered {answer.status}: {body[:300]!r}")
        return body
    finally:
        connection.close()


def _same_answers(proxies: dict[str, Server], upstream: Server) -> None:
    for path, target in ROUTES.items():
        wanted = msgspec.json.decode(fetch(upstream, target))
        for name, server in proxies.items():
            # axios parses and serialises again: the same JSON in other bytes
            if msgspec.json.decode(fetch(server, path)) != wanted:
                raise PrerequisiteError(f"{name} answers {path} with another body than the upstream")


def _load(server: Server, paths: tuple[str, ...], connections: int, seconds: int = 1) -> wrk.Load:
    result = wrk.run(server.origin, paths, connections=connections, seconds=seconds)
    if result.errors:
        raise PrerequisiteError(f"{result.errors} errors under load at {server.process.args!r}")
    return result


def measure(workshop: Workshop, rounds: int) -> list[Row]:
    upstream = workshop.upstream()
    proxies = {name: workshop.proxy(name, upstream) for name in PROXIES}
    _same_answers(proxies, upstream)
    for server in proxies.values():
        _load(server, GATEWAY_PATHS, 64)
    throughput: dict[tuple[str, str], list[float]] = defaultdict(list)
    latency: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for path in GATEWAY_PATHS:
            for name, server in proxies.items():
                throughput[name, path].append(_load(server, (path,), 64).rps)
        throughput["direct", "*"].append(_load(upstream, UPSTREAM_PATHS, 64).rps)
        for connections in (1, 32):
            direct = _load(upstream, UPSTREAM_PATHS, connections)
            for name, server in proxies.items():
                result = _load(server, GATEWAY_PATHS, connections)
                latency[name, connections, "p50"].append(result.p50 - direct.p50)
                latency[name, connections, "p99"].append(result.p99 - direct.p99)
    workshop.stop(*proxies.values(), upstream)

    medians = {key: statistics.median(values) for key, values in throughput.items()}
    overall = {name: statistics.geometric_mean([medians[name, path] for path in GATEWAY_PATHS]) for name in PROXIES}
    overall["direct"] = medians["direct", "*"]
    goals = (ratio_at_least(overall, "hpm", 1.1), ratio_at_least(overall, "axios", 2.5))
    rows = [Row("gets", "GET, 64 connections, mean of five routes", "req/s", overall, goals)]
    rows.extend(
        Row("gets", f"  {path}", "req/s", {name: medians[name, path] for name in PROXIES}) for path in GATEWAY_PATHS
    )
    for connections in (1, 32):
        for percentile in ("p50", "p99"):
            values = {name: statistics.median(latency[name, connections, percentile]) for name in PROXIES}
            row = Row("gets", f"added latency {percentile}, {connections} conn.", "µs", values)
            if (connections, percentile) == (1, "p50"):
                row = Row(*_head(row), (ratio_at_most(values, "nginx", 4.5), at_most(values["fluxgate"], 400, "µs")))
            elif (connections, percentile) == (32, "p99"):
                row = Row(*_head(row), (ratio_at_most(values, "axios", 1.0),))
            rows.append(row)
    return rows


def _head(row: Row) -> tuple[str, str, str, dict[str, float]]:
    return row.group, row.measure, row.unit, row.values
