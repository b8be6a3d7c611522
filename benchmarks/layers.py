"""What each layer before the endpoint costs: CPU a request of printer state, of gateways that differ in one thing."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from benchmarks.contestants import Workshop
from benchmarks.gateway import STATUS, wait_ready
from benchmarks.gets import fetch, load, medians
from benchmarks.guarded import CONFIG, HEADERS
from benchmarks.report import Plan, Row

QUIET = "[telemetry]\nquiet_reads = true\n"
UNCOUNTED = dict.fromkeys(("read", "write", "upload", "stream"), "unlimited")


class Layers(msgspec.Struct, frozen=True):
    """A gateway by its configuration. `has_token`: its callers send one."""

    config: str
    rates: dict[str, str] | None = None
    has_token: bool = False


GATEWAYS = {
    "rates off, access log quiet": Layers(QUIET, UNCOUNTED),
    "+ rates": Layers(QUIET),
    "+ access log": Layers(""),
    "+ access log as JSON": Layers('[gateway]\nlog_format = "json"\n'),
    "+ token (HS256, seen before)": Layers(CONFIG, has_token=True),
}


def measure(workshop: Workshop, plan: Plan) -> list[Row]:
    """Every gateway in turn, each round; the rows are medians, not differences."""
    servers = {
        name: workshop.fluxgate(
            {"FLUXGATE_LIMITS__RATES": msgspec.json.encode(one.rates).decode()} if one.rates else {}, config=one.config
        )
        for name, one in GATEWAYS.items()
    }
    headers = {name: HEADERS if one.has_token else {} for name, one in GATEWAYS.items()}
    for name, server in servers.items():
        wait_ready(server)
        fetch(server, STATUS, headers[name])
        load(server, (STATUS,), 64, headers[name])
    costs: dict[str, list[float]] = defaultdict(list)
    for _ in range(plan.rounds):
        for name, server in servers.items():
            spent = server.cpu_seconds()
            result = load(server, (STATUS,), 64, headers[name], seconds=2)
            costs[name].append((server.cpu_seconds() - spent) / result.requests * 1e6)
    workshop.stop(*servers.values())
    return [
        Row("layers", f"CPU a state read: {name}", "µs", {"fluxgate": cost}) for name, cost in medians(costs).items()
    ]
