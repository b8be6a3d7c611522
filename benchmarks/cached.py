"""Cached GETs: the gateway that keeps answers for a second against itself without, in the same run."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.contestants import GATEWAY_PATHS, Workshop
from benchmarks.gets import fetch, load, medians
from benchmarks.report import Plan, Row, ratio_at_least

CONFIG = """
[plugins.printing.fluxprint]
cache_seconds = 1
"""


def measure(workshop: Workshop, plan: Plan) -> list[Row]:
    upstream = workshop.upstream()
    url = {"FLUXPRINT_SERVICE_URL": upstream.origin}
    servers = {
        "fluxgate": workshop.fluxgate(url, config=CONFIG),
        "uncached": workshop.fluxgate(url),
        "hpm": workshop.proxy("hpm", upstream),
    }
    for server in servers.values():
        for path in GATEWAY_PATHS:
            fetch(server, path)
        load(server, GATEWAY_PATHS, 64)
    rates: dict[str, list[float]] = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    for _ in range(plan.rounds):
        for name, server in servers.items():
            spent = server.cpu_seconds()
            result = load(server, GATEWAY_PATHS, 64)
            costs[name].append((server.cpu_seconds() - spent) / result.requests * 1e6)
            rates[name].append(result.rps)
    workshop.stop(*servers.values(), upstream)
    rate, cost = medians(rates), medians(costs)
    goals = (ratio_at_least(rate, "hpm", 3.0), ratio_at_least(rate, "uncached", 3.0))
    return [
        Row("cached", "cached GET, 64 connections", "req/s", rate, goals),
        Row("cached", "  the same gateway uncached", "req/s", {"fluxgate": rate["uncached"]}),
        Row("cached", "  CPU a request", "µs", cost),
        Row("cached", "  CPU a request, uncached", "µs", {"fluxgate": cost["uncached"]}),
    ]
