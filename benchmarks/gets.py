"""Proxied GETs: throughput at 64 connections, and the latency that a proxy adds at 1 and at 32."""

from __future__ import annotations

import http.client
import statistics
from collections import defaultdict
from collections.abc import Mapping

import msgspec

from benchmarks import wrk
from benchmarks.contestants import GATEWAY_PATHS, PROXIES, ROUTES, UPSTREAM_PATHS, Workshop, headers_for
from benchmarks.processes import HOST, PrerequisiteError, Server
from benchmarks.report import Goal, Plan, Row, at_most, ratio_at_least, ratio_at_most


def fetch(server: Server, path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The body of one GET; raises PrerequisiteError unless it is answered 200."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
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
            if msgspec.json.decode(fetch(server, path, headers_for(name))) != wanted:
                raise PrerequisiteError(f"{name} answers {path} with another body than the upstream")


def load(
    server: Server, paths: tuple[str, ...], connections: int, headers: Mapping[str, str] | None = None, seconds: int = 1
) -> wrk.Load:
    """One run of wrk; raises PrerequisiteError if anything went wrong in it."""
    result = wrk.run(server.origin, paths, connections=connections, seconds=seconds, headers=headers)
    if result.errors:
        raise PrerequisiteError(f"{result.errors} errors under load at {server.process.args!r}")
    return result


def measure(workshop: Workshop, plan: Plan) -> list[Row]:
    upstream = workshop.upstream()
    proxies = {name: workshop.proxy(name, upstream) for name in PROXIES}
    _same_answers(proxies, upstream)
    for name, server in proxies.items():
        load(server, GATEWAY_PATHS, 64, headers_for(name))
    groups = [GATEWAY_PATHS] if plan.quick else [(path,) for path in GATEWAY_PATHS]
    throughput: dict[tuple[str, tuple[str, ...]], list[float]] = defaultdict(list)
    cost: dict[str, list[float]] = defaultdict(list)
    latency: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for _ in range(plan.rounds):
        for paths in groups:
            for name, server in proxies.items():
                spent = server.cpu_seconds()
                result = load(server, paths, 64, headers_for(name))
                cost[name].append((server.cpu_seconds() - spent) / result.requests * 1e6)
                throughput[name, paths].append(result.rps)
        throughput["direct", ()].append(load(upstream, UPSTREAM_PATHS, 64).rps)
        for connections in (1, 32):
            direct = load(upstream, UPSTREAM_PATHS, connections)
            for name, server in proxies.items():
                result = load(server, GATEWAY_PATHS, connections, headers_for(name))
                latency[name, connections, "p50"].append(result.p50 - direct.p50)
                latency[name, connections, "p99"].append(result.p99 - direct.p99)
    workshop.stop(*proxies.values(), upstream)

    rates = {key: statistics.median(values) for key, values in throughput.items()}
    overall = {name: statistics.geometric_mean([rates[name, paths] for paths in groups]) for name in PROXIES}
    overall["direct"] = rates["direct", ()]
    goals: tuple[Goal, ...] = (
        ratio_at_least(overall, "hpm", 1.1),
        ratio_at_least(overall, "axios", 2.5),
        ratio_at_least(overall, "hpm", 1.0, "guarded"),
    )
    rows = [Row("gets", "GET, five routes, 64 connections", "req/s", overall, goals)]
    if len(groups) > 1:
        for paths in groups:
            values = {name: rates[name, paths] for name in PROXIES}
            rows.append(Row("gets", f"  {paths[0]}", "req/s", values))
    rows.append(Row("gets", "CPU a request, 64 connections", "µs", medians(cost)))
    for connections in (1, 32):
        for percentile in ("p50", "p99"):
            values = {name: statistics.median(latency[name, connections, percentile]) for name in PROXIES}
            goals = _latency_goals(values, connections, percentile)
            rows.append(Row("gets", f"added latency {percentile}, {connections} conn.", "µs", values, goals))
    return rows


def medians(values: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of each contestant's figures."""
    return {name: statistics.median(figures) for name, figures in values.items()}


def _latency_goals(values: dict[str, float], connections: int, percentile: str) -> tuple[Goal, ...]:
    match connections, percentile:
        case 1, "p50":
            plain = ratio_at_most(values, "nginx", 4.5), at_most(values["fluxgate"], 400, "µs")
            return (*plain, ratio_at_most(values, "nginx", 6.0, "guarded"))
        case 32, "p99":
            return ratio_at_most(values, "axios", 1.0), ratio_at_most(values, "axios", 1.0, "guarded")
        case _:
            return ()
