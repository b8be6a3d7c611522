"""The camera comparison of `camera.py`, run as a process of its own, as rows of the one table."""

from __future__ import annotations

import subprocess
import sys

import msgspec

from benchmarks.contestants import PEERS, Workshop
from benchmarks.processes import PrerequisiteError, pinned
from benchmarks.report import Plan, Row, at_least, at_most, ratio_at_most


class Side(msgspec.Struct, frozen=True):
    """One contestant. `cpu_percent` of a core; `rate`: pictures a second of the slowest viewer."""

    cpu_percent: float
    rate: float
    upstream_connections: int
    rss_mb: float


class Comparison(msgspec.Struct, frozen=True):
    """What `python -m benchmarks.camera` prints."""

    viewers: int
    fps: float
    fluxgate: Side
    guarded: Side
    nginx: Side | None = None


GOALS: dict[int, float | None] = {50: 0.5, 200: 0.3, 1000: None}
"""By viewers: at most so many times nginx's CPU; None: all that one core has."""


def measure(workshop: Workshop, _plan: Plan) -> list[Row]:
    """The camera has its own rounds; here viewers, camera and servers share both cores, and CPU time is what counts."""
    return [row for viewers, goal in GOALS.items() for row in _rows(_compared(workshop, viewers), goal)]


def _compared(workshop: Workshop, viewers: int) -> Comparison:
    with pinned(workshop.cores.server, workshop.cores.load):
        finished = subprocess.run(
            [sys.executable, "-m", "benchmarks.camera", str(viewers)],
            cwd=PEERS.parent.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    if finished.returncode:
        raise PrerequisiteError(finished.stderr[-2000:])
    return msgspec.json.decode(finished.stdout, type=Comparison)


def _rows(found: Comparison, goal: float | None) -> list[Row]:
    sides = {"fluxgate": found.fluxgate, "guarded": found.guarded}
    if found.nginx is not None:
        sides["nginx"] = found.nginx
    cpu = {name: side.cpu_percent for name, side in sides.items()}
    rate = {name: side.rate for name, side in sides.items()}
    upstream = {name: float(side.upstream_connections) for name, side in sides.items()}
    memory = {name: side.rss_mb for name, side in sides.items()}
    enough = 0.97 * found.fps
    full = tuple(at_least(rate[ours], enough, "fps", ours) for ours in ("fluxgate", "guarded"))
    one = tuple(at_most(upstream[ours], 1, "connection", ours) for ours in ("fluxgate", "guarded"))
    less = tuple(
        at_most(cpu[ours], 100, "% core", ours) if goal is None else ratio_at_most(cpu, "nginx", goal, ours)
        for ours in ("fluxgate", "guarded")
    )
    what = f"camera, {found.viewers:,} viewers"
    return [
        Row("camera", f"{what}: CPU", "% core", cpu, less),
        Row("camera", f"{what}: slowest viewer", "fps", rate, full),
        Row("camera", f"{what}: upstream connections", "", upstream, one),
        Row("camera", f"{what}: memory", "MB", memory),
    ]
