"""What only the gateway has: printer state read from memory, time from start to the first answer, memory when idle."""

from __future__ import annotations

import contextlib
import http.client
import statistics
import time

from benchmarks import wrk
from benchmarks.contestants import Workshop
from benchmarks.gets import fetch
from benchmarks.processes import HOST, PrerequisiteError, Server
from benchmarks.report import Plan, Row, at_least, at_most

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


def measure_state(workshop: Workshop, plan: Plan) -> list[Row]:
    """GET /status of the virtual printer: nothing travels upstream."""
    server = workshop.fluxgate({})
    wait_ready(server)
    fetch(server, STATUS)
    wrk.run(server.origin, (STATUS,), connections=64, seconds=1)
    loads = [wrk.run(server.origin, (STATUS,), connections=64, seconds=2) for _ in range(plan.rounds)]
    singles = [wrk.run(server.origin, (STATUS,), connections=1, seconds=1) for _ in range(plan.rounds)]
    workshop.stop(server)
    if errors := sum(load.errors for load in (*loads, *singles)):
        raise PrerequisiteError(f"{errors} errors while reading printer state")
    rate = statistics.median(load.rps for load in loads)
    single = statistics.median(load.p50 for load in singles)
    return [
        Row("state", "printer state, 64 connections", "req/s", {"fluxgate": rate}, (at_least(rate, 10_000, "req/s"),)),
        Row("state", "printer state p50, 1 conn.", "µs", {"fluxgate": single}),
    ]


def measure_start(workshop: Workshop, plan: Plan) -> list[Row]:
    """First start in an empty folder (migrations run), starts again in it, and memory after a second of rest."""
    home = workshop.folder / "home"
    home.mkdir()
    first = workshop.fluxgate({}, home=home, wait=False)
    fresh = wait_ready(first)
    workshop.stop(first)
    starts, idle = [], []
    for _ in range(plan.rounds):
        server = workshop.fluxgate({}, home=home, wait=False)
        starts.append(wait_ready(server))
        time.sleep(1.0)
        idle.append(server.rss())
        workshop.stop(server)
    again, memory = statistics.median(starts), statistics.median(idle)
    return [
        Row("start", "start to first answer, empty folder", "s", {"fluxgate": fresh}, (at_most(fresh, 1.5, "s"),)),
        Row("start", "start to first answer, again", "s", {"fluxgate": again}, (at_most(again, 1.5, "s"),)),
        Row("start", "idle memory", "MB", {"fluxgate": memory}, (at_most(memory, 130, "MB"),)),
    ]
