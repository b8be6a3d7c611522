"""What only the gateway has: printer state read from memory, time from start to the first answer, memory when idle."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections import defaultdict

from benchmarks.contestants import Workshop, headers_for
from benchmarks.gets import fetch, load, medians
from benchmarks.guarded import CONFIG
from benchmarks.processes import HOST, PrerequisiteError, Server
from benchmarks.report import Goal, Plan, Row, at_least, at_most

READY = "/-/health/ready"
STATUS = "/api/printing/status"


def wait_ready(server: Server, timeout: float = 30.0) -> float:
    """Seconds from the process's start to its first 200 on readiness."""
    while time.monotonic() - server.started < timeout and server.process.poll() is None:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", READY)
            if connection.getresponse().status == 200:
                return time.monotonic() - server.started
        connection.close()
        time.sleep(0.005)
    raise PrerequisiteError(f"the gateway never got ready:\n{server.log.read_text(errors='replace')[-2000:]}")


OURS = {"fluxgate": "", "guarded": CONFIG}


def measure_state(workshop: Workshop, plan: Plan) -> list[Row]:
    """GET /status of the virtual printer: nothing travels upstream."""
    servers = {name: workshop.fluxgate({}, config=config) for name, config in OURS.items()}
    for name, server in servers.items():
        wait_ready(server)
        fetch(server, STATUS, headers_for(name))
        load(server, (STATUS,), 64, headers_for(name))
    rates: dict[str, list[float]] = defaultdict(list)
    singles: dict[str, list[float]] = defaultdict(list)
    for _ in range(plan.rounds):
        for name, server in servers.items():
            rates[name].append(load(server, (STATUS,), 64, headers_for(name), seconds=2).rps)
            singles[name].append(load(server, (STATUS,), 1, headers_for(name)).p50)
    workshop.stop(*servers.values())
    rate, single = medians(rates), medians(singles)
    goals = (
        at_least(rate["fluxgate"], 10_000, "req/s"),
        at_least(rate["guarded"], 7_000, "req/s", "guarded"),
    )
    return [
        Row("state", "printer state, 64 connections", "req/s", rate, goals),
        Row("state", "printer state p50, 1 conn.", "µs", single),
    ]


def measure_start(workshop: Workshop, plan: Plan) -> list[Row]:
    """First start in an empty folder (migrations run), starts again in it, and memory after a second of rest."""
    fresh: dict[str, float] = {}
    starts: dict[str, list[float]] = defaultdict(list)
    idle: dict[str, list[float]] = defaultdict(list)
    for name, config in OURS.items():
        home = workshop.folder / f"home-{name}"
        home.mkdir()
        first = workshop.fluxgate({}, home=home, wait=False, config=config)
        fresh[name] = wait_ready(first)
        workshop.stop(first)
        for _ in range(plan.rounds):
            server = workshop.fluxgate({}, home=home, wait=False)
            starts[name].append(wait_ready(server))
            time.sleep(1.0)
            idle[name].append(server.rss())
            workshop.stop(server)
    again, memory = medians(starts), medians(idle)

    def within(values: dict[str, float], limit: float, guarded: float, unit: str) -> tuple[Goal, ...]:
        return at_most(values["fluxgate"], limit, unit), at_most(values["guarded"], guarded, unit, "guarded")

    return [
        Row("start", "start to first answer, empty folder", "s", fresh, within(fresh, 1.5, 2.0, "s")),
        Row("start", "start to first answer, again", "s", again, within(again, 1.5, 2.0, "s")),
        Row("start", "idle memory", "MB", memory, within(memory, 130, 150, "MB")),
    ]
