"""10,000 requests whose clients leave, at any moment: nothing is left behind, and all is served after."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.adversarial.ledger import Ledger
from tests.support.gateway import GatewayProcess, wait_for
from tests.support.rawpeer import Peer, RawClient, RawUpstream, Request, chunks, request_bytes

REQUESTS = 10_000
WORKERS = 16


def test_ten_thousand_clients_leave(gateway: GatewayProcess, upstream: RawUpstream, key: str, ledger: Ledger) -> None:
    hold = threading.Event()

    @upstream.run(key)
    def slowly(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        hold.wait(0.01)
        peer.send(chunks(b"x" * 1000))

    requests = (
        request_bytes("GET", f"/api/t/contended/{key}"),
        request_bytes("GET", f"/api/t/small/{key}"),
        request_bytes("POST", f"/api/t/contended/{key}", (), b"y" * 3000),
        request_bytes("POST", f"/api/t/captured/{key}", (), b"y" * 10),
        request_bytes("GET", f"/api/t/r/{key}"),
        request_bytes("GET", "/api/t/hello/x"),
        request_bytes("GET", "/-/health"),
    )
    descriptors = gateway.descriptors()

    def leave(number: int) -> None:
        chance = random.Random(number)
        request = chance.choice(requests)
        with contextlib.suppress(OSError), RawClient(gateway.port) as client:
            client.send(request[: chance.randrange(1, len(request) + 1)])
            if chance.random() < 0.5:
                time.sleep(chance.random() * 0.01)
            if chance.random() < 0.3:
                client.sock.settimeout(0.02)
                client.read_some()
            if chance.random() < 0.5:
                client.reset()

    def is_unused(name: str) -> bool:
        pool = gateway.pool(name)
        is_full = pool["in_use"] >= pool["max_connections"]
        assert is_full or pool["waiting"] == 0, f"{name}: requests wait while a slot is free: {pool}"
        return pool["in_use"] == pool["waiting"] == 0

    pools = ("contended", "small", "raw")
    with ThreadPoolExecutor(WORKERS) as workers:
        for number, _ in enumerate(workers.map(leave, range(REQUESTS))):
            ledger.enter("left", through=False)
            if number % 100 == 0:
                for name in pools:
                    is_unused(name)
    hold.set()
    # Some who left are still in the listening socket's queue: a pool that is unused now may be used once more.
    wait_for(lambda: gateway.descriptors() <= descriptors + 40, 20, "every connection is closed")
    for name in pools:
        wait_for(lambda name=name: is_unused(name), 20, f"{name}: every slot is given back")  # type: ignore[misc]
    for route in ("contended", "small", "r"):
        for _ in range(10):
            ledger.enter(f"{route} afterwards", through=gateway.ask("GET", f"/api/t/{route}/{key}").status != 200)
