"""One run of the load generator `wrk`, with exact figures through its Lua hook instead of its rounded report."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.processes import PrerequisiteError

SCRIPT = Path(__file__).with_name("wrk.lua")


class Load(msgspec.Struct, frozen=True):
    """Requests a second and latencies in µs over one run; `errors`: of sockets, timeouts, and answers 4xx or 5xx."""

    rps: float
    p50: float
    p99: float
    requests: int
    errors: int


def run(
    origin: str, paths: Sequence[str], *, connections: int, seconds: int, headers: Mapping[str, str] | None = None
) -> Load:
    """Keeps `connections` keep-alive connections busy for `seconds`, asking for `paths` in turn with these `headers`.
    Closed loop."""
    fields = [argument for name, value in (headers or {}).items() for argument in ("-H", f"{name}: {value}")]
    finished = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            "-s",
            str(SCRIPT),
            *fields,
            origin,
            "--",
            *paths,
        ],
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=False,
    )
    line = next((line for line in finished.stdout.splitlines() if line.startswith("{")), None)
    if line is None:
        raise PrerequisiteError(f"wrk failed: {finished.stdout}{finished.stderr}")
    return msgspec.json.decode(line, type=Load)
