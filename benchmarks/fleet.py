"""A gateway that drives 500 printers itself: simulated OctoPrints that each tell their state twice a second, half of
them printing, with a queue that waits and jobs that come.

python -m benchmarks.fleet [PRINTERS]     # this alone
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from benchmarks.contestants import PEERS, Workshop
from benchmarks.gateway import wait_ready
from benchmarks.processes import HOST, PrerequisiteError, Server, choose_cores, free_port, pinned
from benchmarks.report import Plan, Row, at_most, table
from tests.support.octoprint_fleet import KEY
from tests.support.postgres import start_postgres

PRINTERS = 500
QUIET = 20.0
"""Seconds in which nothing happens but that printers tell their state, and one reader asks for all of them."""
READ_EVERY = 0.97
"""Seconds between its questions: out of step with the printers."""
WAITING = 200
"""Jobs that wait for a printer that prints."""
JOBS = 60
JOBS_A_SECOND = 4.0
"""Which is ten times what 500 printers with prints of twenty minutes ask for."""
PRINT_SECONDS = 10
CONNECTIONS = 32

_CONFIG = """
[plugins.printing]
backend = "native"
auto_start = true
bed_gate = false
"""
_PRINTER = """
[plugins.printing.printers.p{number}]
driver = "octoprint"
url = "{origin}/p{number}"
api_key = "{key}"
"""
_HEADERS = {"X-Api-Key": KEY}


def simulated(workshop: Workshop) -> Server:
    """The simulated OctoPrints, any number of them."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.octoprint_fleet", str(port)]
    server = workshop.start("printers", command, port, core=workshop.cores.load, env={}, cwd=PEERS.parent.parent)
    server.wait_listening()
    return server


def config_of(printers: Server, count: int) -> str:
    """A fluxgate.toml with so many printers, `p0` being the first."""
    one = (_PRINTER.format(number=number, origin=printers.origin, key=KEY) for number in range(count))
    return _CONFIG + "".join(one)


def measure(workshop: Workshop, _plan: Plan) -> list[Row]:
    return measured(workshop, PRINTERS)


def measured(workshop: Workshop, count: int) -> list[Row]:
    """Takes about a minute; the gateway has a PostgreSQL."""
    postgres = start_postgres()
    name = postgres.create()
    try:
        return asyncio.run(_measured(workshop, count, postgres.url_of(name)))
    finally:
        workshop.stop()
        postgres.drop(name)
        postgres.stop()


async def _measured(workshop: Workshop, count: int, database_url: str) -> list[Row]:
    printers = simulated(workshop)
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        await asyncio.gather(*(begin(client, f"{printers.origin}/p{number}") for number in range(0, count, 2)))
        env = {"FLUXGATE_DATABASE_URL": database_url, "FLUXGATE_GATEWAY__MIGRATE": "auto"}
        gateway = workshop.fluxgate(env, config=config_of(printers, count), wait=False)
        ready = wait_ready(gateway, 120)
        api = f"http://{HOST}:{gateway.port}/api/printing"
        await _until_seen(client, api)
        seen = time.monotonic() - gateway.started
        await asyncio.sleep(2)
        spent, begun = gateway.cpu_seconds(), time.monotonic()
        ages = await _ages(client, api, QUIET)
        quiet = (gateway.cpu_seconds() - spent) / (time.monotonic() - begun)
        await _queue_up(client, api)
        spent, begun = gateway.cpu_seconds(), time.monotonic()
        waits = await _dispatched(client, api, printers.origin)
        busy = (gateway.cpu_seconds() - spent) / (time.monotonic() - begun)
        memory = gateway.rss()
    what = f"{count} printers"
    oldest, longest = quantiles(ages, n=100)[-1], quantiles(waits, n=100)[-1]
    return [
        _row(f"{what}: CPU", "cores", quiet, 1),
        _row(f"{what}: CPU while {JOBS_A_SECOND:g} jobs a second start", "cores", busy, 1),
        _row(f"{what}: age of a state, p50", "s", median(ages)),
        _row(f"{what}: age of a state, p99", "s", oldest, 2.5),
        _row(f"{what}: from queue to start command, p50", "s", median(waits)),
        _row(f"{what}: from queue to start command, p99", "s", longest, 1),
        _row(f"{what}: start to first answer", "s", ready),
        _row(f"{what}: start to the last printer's state", "s", seen),
        _row(f"{what}: memory", "MB", memory),
    ]


def _row(measure: str, unit: str, value: float, limit: float | None = None) -> Row:
    goals = () if limit is None else (at_most(value, limit, unit),)
    return Row("fleet", measure, unit, {"fluxgate": value}, goals)


async def begin(client: httpx.AsyncClient, printer: str) -> None:
    """A print of somebody else's, longer than all that is measured."""
    content = b"G4 P1000\n" * 3600
    head = b"--end\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''long.gcode\r\n\r\n"
    multipart = {**_HEADERS, "Content-Type": "multipart/form-data; boundary=end"}
    uploaded = await client.post(
        f"{printer}/api/files/local", content=head + content + b"\r\n--end--\r\n", headers=multipart
    )
    start = {"command": "select", "print": True}
    started = await client.post(f"{printer}/api/files/local/long.gcode", json=start, headers=_HEADERS)
    if (uploaded.status_code, started.status_code) != (201, 204):
        raise PrerequisiteError(f"{printer} doesn't print: {uploaded.text} {started.text}")


async def _printers(client: httpx.AsyncClient, api: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{api}/printers")
    if answer.status_code != 200:
        raise PrerequisiteError(f"the printers aren't told: {answer.text}")
    told: list[dict[str, Any]] = answer.json()["printers"]
    return told


async def _until_seen(client: httpx.AsyncClient, api: str) -> None:
    deadline = time.monotonic() + 60
    while any(printer["status"] not in {"idle", "printing"} for printer in await _printers(client, api)):
        if time.monotonic() > deadline:
            raise PrerequisiteError("the gateway doesn't see every printer")
        await asyncio.sleep(0.2)


async def _ages(client: httpx.AsyncClient, api: str, seconds: float) -> list[float]:
    """How old each state is that a reader gets, in seconds, for so long."""
    end = time.monotonic() + seconds
    ages: list[float] = []
    while (left := end - time.monotonic()) > 0:
        told = await _printers(client, api)
        now = time.time()
        ages += [now - printer["observedAt"] for printer in told]
        await asyncio.sleep(min(READ_EVERY, left))
    return ages


async def _queue_up(client: httpx.AsyncClient, api: str) -> None:
    """The files, and the jobs that wait all the while."""
    content = b"G4 P1000\n" * PRINT_SECONDS
    for first in range(0, JOBS, 10):
        files = [("files", (f"job-{number}.gcode", content)) for number in range(first, min(first + 10, JOBS))]
        _expect(await client.post(f"{api}/files/upload", files=files), 201)
    for _ in range(0, WAITING, 100):
        waiting = {"filename": "job-0.gcode", "copies": min(WAITING, 100), "printer": "p0"}
        _expect(await client.post(f"{api}/queue", json=waiting), 201)


async def _dispatched(client: httpx.AsyncClient, api: str, printers: str) -> list[float]:
    """Seconds from the question to the start command's arrival at the printer, of each job."""
    asked: dict[str, float] = {}
    due = time.monotonic()
    for number in range(JOBS):
        name = f"job-{number}.gcode"
        asked[name] = time.time()
        _expect(await client.post(f"{api}/queue", json={"filename": name}), 201)
        due += 1 / JOBS_A_SECOND
        await asyncio.sleep(max(0, due - time.monotonic()))
    deadline = time.monotonic() + 30
    while missing := asked.keys() - (starts := (await client.get(f"{printers}/starts")).json()).keys():
        if time.monotonic() > deadline:
            raise PrerequisiteError(f"{len(missing)} of {JOBS} jobs weren't started")
        await asyncio.sleep(0.1)
    return [starts[name] - when for name, when in asked.items()]


def _expect(answer: httpx.Response, status: int) -> None:
    if answer.status_code != status:
        raise PrerequisiteError(f"{answer.request.url} answered {answer.status_code}: {answer.text[:300]}")


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PRINTERS
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as name, pinned(cores.load):
        workshop = Workshop(Path(name), cores)
        try:
            print(table(measured(workshop, count)))
        finally:
            workshop.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
