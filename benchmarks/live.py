"""Live events: a thousand clients that listen, by server-sent events or by WebSocket, to printers that each are in
another state twice a second.

python -m benchmarks.live [CLIENTS]     # this alone
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles

import uvloop

from benchmarks.contestants import Workshop
from benchmarks.fleet import config_of, simulated
from benchmarks.gateway import wait_ready
from benchmarks.processes import HOST, PrerequisiteError, Server, choose_cores, pinned
from benchmarks.report import Plan, Row, at_most, table

CLIENTS = 1000
FEW, MANY = 1, 8
"""Printers. With one, what is told waits for nothing but its turn among the clients."""
MOST_ROUNDS = 3
WARM_UP = 2.0
WINDOW = 5.0
AT_ONCE = 50
"""Clients that connect at the same time."""

_OBSERVED = re.compile(rb'"observedAt":([0-9.]+),')
_ASK: Mapping[str, bytes] = {
    "SSE": b"GET /api/printing/events?topics=printers HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "WebSocket": b"GET /api/printing/ws?topics=printers HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
}


class Client(asyncio.Protocol):
    """Listens, and adds to `late` by how many seconds each state was when it came."""

    def __init__(self, ask: bytes, late: list[float]) -> None:
        self.listens = asyncio.Event()
        self._ask = ask
        self._late = late
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._ask)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.time()
        data = self._rest + data
        end = 0
        for told in _OBSERVED.finditer(data):
            self._late.append(now - float(told[1]))
            end = told.end()
        self._rest = data[end:]
        if end:
            self.listens.set()


def measure(workshop: Workshop, plan: Plan) -> list[Row]:
    return measured(workshop, min(plan.rounds, MOST_ROUNDS), CLIENTS)


def measured(workshop: Workshop, rounds: int, clients: int) -> list[Row]:
    """Some 30 s a round."""
    simulator = simulated(workshop)
    gateways: dict[int, Server] = {}
    for printers in (FEW, MANY):
        gateways[printers] = workshop.fluxgate({}, config=config_of(simulator, printers), wait=False)
        wait_ready(gateways[printers], 120)
    cases = (("SSE", FEW), ("WebSocket", FEW), ("SSE", MANY))
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {case: [] for case in cases}
    for _ in range(rounds):
        for kind, printers in cases:
            found[kind, printers].append(uvloop.run(_listen(gateways[printers], kind, clients, printers)))
    rows: list[Row] = []
    for (kind, printers), figures in found.items():
        p50, p99, cpu = (median(values) for values in zip(*figures, strict=True))
        what = f"{clients:,} clients by {kind}, {printers} printer{'s' * (printers > 1)}"
        in_time, cheap = ((at_most(p99, 60, "ms"),), (at_most(cpu, 40, "µs"),)) if printers == FEW else ((), ())
        rows += [
            Row("live", f"{what}: delivery p50", "ms", {"fluxgate": p50}),
            Row("live", f"{what}: delivery p99", "ms", {"fluxgate": p99}, in_time),
            Row("live", f"{what}: CPU a message", "µs", {"fluxgate": cpu}, cheap),
        ]
    memory = gateways[FEW].rss()
    return [*rows, Row("live", f"{clients:,} clients: memory", "MB", {"fluxgate": memory})]


async def _listen(gateway: Server, kind: str, clients: int, printers: int) -> tuple[float, float, float]:
    """Delivery p50 and p99 in ms, and CPU a delivered message in µs."""
    loop = asyncio.get_running_loop()
    late: list[float] = []
    connections: list[tuple[asyncio.BaseTransport, Client]] = []
    for _ in range(0, clients, AT_ONCE):
        new = [loop.create_connection(lambda: Client(_ASK[kind], late), HOST, gateway.port) for _ in range(AT_ONCE)]
        connections += await asyncio.gather(*new)
    try:
        async with asyncio.timeout(30):
            await asyncio.gather(*(client.listens.wait() for _, client in connections))
    except TimeoutError:
        raise PrerequisiteError(f"not every client is told by {kind}") from None
    await asyncio.sleep(WARM_UP)
    late.clear()
    spent, begun = gateway.cpu_seconds(), time.monotonic()
    await asyncio.sleep(WINDOW)
    spent, elapsed, delivered = gateway.cpu_seconds() - spent, time.monotonic() - begun, list(late)
    for transport, _ in connections:
        transport.abort()  # type: ignore[attr-defined]
    if len(delivered) < 0.8 * 2 * elapsed * printers * clients:
        raise PrerequisiteError(f"{len(delivered)} states came by {kind} in {elapsed:.1f} s: clients miss some")
    await asyncio.sleep(0.5)
    return 1000 * median(delivered), 1000 * quantiles(delivered, n=100)[-1], 1e6 * spent / len(delivered)


def main() -> int:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as name, pinned(cores.load):
        workshop = Workshop(Path(name), cores)
        try:
            print(table(measured(workshop, MOST_ROUNDS, clients)))
        finally:
            workshop.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
