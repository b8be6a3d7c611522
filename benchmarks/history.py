"""Lists and statistics over a long history: the gateway on a PostgreSQL with a million jobs that ended.

python -m benchmarks.history [ROWS]     # this alone
"""

from __future__ import annotations

import asyncio
import http.client
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import quantiles

import asyncpg
import jwt
from fluxgate_printing.queue.history import COUNTED

from benchmarks.contestants import Workshop
from benchmarks.gateway import wait_ready
from benchmarks.guarded import CLAIMS, CONFIG, SECRET
from benchmarks.processes import HOST, PrerequisiteError, Server, choose_cores, pinned
from benchmarks.report import Plan, Row, at_most, table
from tests.support.postgres import start_postgres

ROWS = 1_000_000
QUICK_ROWS = 100_000
PROJECTS = 200
CALLERS = 500
ASKED = 100
"""Requests of each kind."""
LIMIT = 50.0
"""ms."""

_PRINTING = """
[plugins.printing]
backend = "native"
retention_days = 0
"""
_OWN = CONFIG + _PRINTING + '[plugins.printing.access]\nvisibility = "own"\n'

_PROJECTS_SQL = """
    INSERT INTO projects (id, external_id, title, owner, created_at)
    SELECT gen_random_uuid(), 'project-' || n, 'Project ' || n, 'user-' || n, now() FROM generate_series(0, $1 - 1) n
"""
_MEMBERS_SQL = """
    INSERT INTO project_members (id, project_id, user_id, role, created_at)
    SELECT gen_random_uuid(), id, 'user-' || (substr(external_id, 9)::int + 1), 'editor', now() FROM projects
"""
_JOBS_SQL = """
    INSERT INTO print_jobs (id, project_id, fluxprint_queue_id, file_name, status, progress, queued_at, started_at,
        completed_at, estimated_time, actual_time, printer_name, print_settings, material_type, material_used,
        metadata, created_by, created_at, updated_at)
    SELECT gen_random_uuid(), CASE WHEN n % 10 < 8 THEN p.ids[1 + n % cardinality(p.ids)] END, n,
        (ARRAY['bracket', 'vase', 'gear', 'benchy', 'enclosure'])[1 + n % 5] || '-' || md5(n::text) || '.gcode',
        (ARRAY['completed', 'completed', 'completed', 'failed', 'canceled'])[1 + (n / 7) % 5], 100,
        at - interval '3 hours', at - interval '2 hours', at, 7000, 3600 + n % 7200, 'printer-' || n % 8, '{}',
        (ARRAY['PLA', 'PETG', 'ABS', 'TPU'])[1 + (n / 3) % 4], n % 300, '{}', 'user-' || n % $2, at, at
    FROM generate_series(1, $1) n, LATERAL (SELECT now() - n * interval '40 seconds' AS at) t,
        (SELECT array_agg(id) AS ids FROM projects) p
"""

Ask = Callable[[], str]
"""The next request's path."""


def asks(dice: random.Random) -> dict[str, Ask]:
    """What is asked of everybody's jobs, with other names each time."""

    def project() -> str:
        return f"project-{dice.randrange(PROJECTS)}"

    def day() -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(time.time() - dice.randrange(30) * 86_400))

    return {
        "history": lambda: "/jobs/history?limit=20",
        "history, offset up to 10,000": lambda: f"/jobs/history?limit=20&offset={dice.randrange(10_000)}",
        "history of a project": lambda: f"/jobs/history/filter?limit=20&project_id={project()}",
        "history by status": lambda: f"/jobs/history?status={dice.choice(['failed', 'canceled', 'completed'])}",
        "history by printer, material": lambda: f"/jobs/history?printer=printer-{dice.randrange(8)}&material=PETG",
        "history of a week": lambda: f"/jobs/history?from={day()}&limit=100",
        "history by a common word": lambda: "/jobs/history?search=benchy",
        "history by a rare word": lambda: f"/jobs/history?search={dice.randrange(16**6):06x}",
        "a project's statistics": lambda: f"/projects/{project()}/stats",
        "a project's statistics, detailed": lambda: f"/projects/{project()}/stats/detailed",
        "what is active": lambda: "/jobs/active",
    }


def own_asks(dice: random.Random) -> dict[str, Ask]:
    """What is asked by somebody who sees their own jobs and their projects'."""
    return {
        "own history": lambda: "/jobs/history?limit=20",
        "own history by status": lambda: "/jobs/history?status=failed",
        "own history by a rare word": lambda: f"/jobs/history?search={dice.randrange(16**6):06x}",
        "own project's statistics": lambda: "/projects/project-7/stats",
    }


def measure(workshop: Workshop, plan: Plan) -> list[Row]:
    return measured(workshop, QUICK_ROWS if plan.quick else ROWS)


def measured(workshop: Workshop, rows: int) -> list[Row]:
    """A row of each kind of request: p95 in ms."""
    postgres = start_postgres()
    name = postgres.create()
    url = postgres.url_of(name)
    env = {"FLUXGATE_DATABASE_URL": url, "FLUXGATE_GATEWAY__MIGRATE": "auto"}
    try:
        everybody = workshop.fluxgate(env, config=_PRINTING)
        wait_ready(everybody)
        begun = time.monotonic()
        asyncio.run(_fill(url, rows))
        print(f"{rows:,} jobs in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        own = workshop.fluxgate(env, config=_OWN)
        wait_ready(own)
        dice = random.Random(1)
        me = jwt.encode({**CLAIMS, "sub": "user-7"}, SECRET, "HS256")
        times = {name: _asked(everybody, ask, {}) for name, ask in asks(dice).items()}
        mine = {"Authorization": f"Bearer {me}"}
        times |= {name: _asked(own, ask, mine) for name, ask in own_asks(dice).items()}
        workshop.stop(everybody, own)
    finally:
        postgres.drop(name)
        postgres.stop()
    return [_row(f"{name}, {rows:,} jobs: p95", taken) for name, taken in times.items()]


def _row(name: str, taken: Sequence[float]) -> Row:
    p95 = quantiles(taken, n=20)[-1]
    return Row("history", name, "ms", {"fluxgate": p95}, (at_most(p95, LIMIT, "ms"),))


async def _fill(url: str, rows: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_PROJECTS_SQL, PROJECTS)
        await connection.execute(_MEMBERS_SQL)
        await connection.execute(_JOBS_SQL, rows, CALLERS, timeout=600)
        await connection.execute("VACUUM ANALYZE", timeout=300)
    finally:
        await connection.close()


def _asked(server: Server, ask: Ask, headers: Mapping[str, str]) -> list[float]:
    """ms that each answer took, one after the other on one connection."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
    taken: list[float] = []
    for number in range(ASKED + 5):
        path = "/api/printing" + ask()
        begun = time.perf_counter()
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        spent = (time.perf_counter() - begun) * 1000
        if answer.status != 200:
            raise PrerequisiteError(f"{path} answered {answer.status}: {body[:300]!r}")
        total = answer.headers.get("x-total-count")
        if total is not None and int(total) > COUNTED:
            raise PrerequisiteError(f"{path} counted {total}")
        if number >= 5:  # the first ones prepare the statement
            taken.append(spent)
    connection.close()
    return taken


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as name, pinned(cores.load):
        workshop = Workshop(Path(name), cores)
        try:
            print(table(measured(workshop, rows)))
        finally:
            workshop.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
