"""Large bodies: a 500 MB multipart upload, and a 500 MB download whose reader stalls; speed and memory."""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from benchmarks.bulk import SIZE
from benchmarks.contestants import PROXIES, Workshop, headers_for
from benchmarks.processes import HOST, PrerequisiteError, Server
from benchmarks.report import Goal, Plan, Row, at_most, ratio_at_least

BOUNDARY = b"fluxgate-benchmark-7f3a"
PREAMBLE = b"\r\n".join(
    (
        b"--" + BOUNDARY,
        b'Content-Disposition: form-data; name="files"; filename="bench.gcode"',
        b"Content-Type: text/x.gcode",
        b"\r\n",
    )
)
EPILOGUE = b"\r\n--%s--\r\n" % BOUNDARY
LINES = b"G1 X10.000 Y20.000 E0.12345 F1800\n" * 31_250
GROWTH_LIMIT = 30.0
STALL = 2.0


def upload(port: int, path: str, size: int, headers: Mapping[str, str] | None = None) -> float:
    """Sends `size` bytes of G-code as one multipart request; returns MB/s.

    Raises PrerequisiteError unless the upstream got them all.
    """
    length = len(PREAMBLE) + size + len(EPILOGUE)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n{_lines(headers)}\r\n"
    )
    lines = memoryview(LINES)
    with socket.create_connection((HOST, port), 60.0) as connection:
        begun = time.perf_counter()
        connection.sendall(head.encode() + PREAMBLE)
        left = size
        while left:
            count = min(left, len(lines))
            connection.sendall(lines[:count])
            left -= count
        connection.sendall(EPILOGUE)
        answer = bytearray()
        while data := connection.recv(65536):
            answer += data
        elapsed = time.perf_counter() - begun
    head_bytes, _, body = bytes(answer).partition(b"\r\n\r\n")
    received = 0
    with contextlib.suppress(ValueError, KeyError, IndexError):
        received = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["received"]
    if b" 200 " not in head_bytes.split(b"\r\n", 1)[0] or received < size:
        raise PrerequisiteError(f"upload through port {port} failed ({received} bytes arrived): {head_bytes[:300]!r}")
    return size / 1e6 / elapsed


def _lines(headers: Mapping[str, str] | None) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())


def stall(port: int, path: str, headers: Mapping[str, str] | None = None) -> None:
    """Starts the download, reads 1 MB, then nothing for STALL seconds, and goes away."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        connection.settimeout(30.0)
        connection.connect((HOST, port))
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n{_lines(headers)}\r\n".encode()
        )
        read = 0
        while read < 1_000_000:
            data = connection.recv(65536)
            if not data:
                raise PrerequisiteError(f"download through port {port} ended after {read} bytes")
            read += len(data)
        time.sleep(STALL)


def _growth(server: Server, before: float) -> float:
    return max(0.0, server.peak() - before)


def measure(workshop: Workshop, plan: Plan) -> list[Row]:
    sink = workshop.bulk()
    proxies = {name: workshop.proxy(name, sink) for name in PROXIES}
    path = "/api/printing/files/upload"
    for name, server in proxies.items():
        upload(server.port, path, 5_000_000, headers_for(name))
    speed: dict[str, list[float]] = defaultdict(list)
    growth: dict[str, list[float]] = defaultdict(list)
    for _ in range(plan.rounds):
        speed["direct"].append(upload(sink.port, "/api/files/upload", SIZE))
        for name, server in proxies.items():
            server.reset_peak()
            before = server.rss()
            speed[name].append(upload(server.port, path, SIZE, headers_for(name)))
            growth[name].append(_growth(server, before))
    stalled: dict[str, float] = {}
    for name, server in proxies.items():
        # axios holds the whole answer before it sends a byte of it: there is no stalled reader to measure
        if name != "axios":
            server.reset_peak()
            before = server.rss()
            stall(server.port, "/api/printing/files", headers_for(name))
            stalled[name] = _growth(server, before)
    workshop.stop(*proxies.values(), sink)

    speeds = {name: statistics.median(values) for name, values in speed.items()}
    # memory that a server keeps from its first upload doesn't grow again: the largest round counts
    grown = {name: max(values) for name, values in growth.items()}
    return [
        Row(
            "transfers", "upload 500 MB", "MB/s", speeds, _goals(lambda ours: ratio_at_least(speeds, "hpm", 0.9, ours))
        ),
        Row(
            "transfers",
            "upload 500 MB, memory growth",
            "MB",
            grown,
            _goals(lambda ours: at_most(grown[ours], GROWTH_LIMIT, "MB", ours)),
        ),
        Row(
            "transfers",
            "stalled download, memory growth",
            "MB",
            stalled,
            _goals(lambda ours: at_most(stalled[ours], GROWTH_LIMIT, "MB", ours)),
        ),
    ]


def _goals(goal: Callable[[str], Goal]) -> tuple[Goal, ...]:
    """The same goal with and without tokens."""
    return goal("fluxgate"), goal("guarded")
