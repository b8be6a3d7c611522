"""slowhttptest, the tool for slow-client attacks, in its four modes: an honest client is served all the time, and the
attacker's connections are let go before the attack is over."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator

import msgspec
import psutil
import pytest

from fluxgate.testing import NO_RATES
from tests.support.gateway import GatewayProcess, wait_for
from tests.support.rawpeer import Peer, RawUpstream, Request, request_bytes

CONNECTIONS = 120
LONGEST = 9
"""Seconds that the attack would last if nobody ended its connections."""
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LIMITS = msgspec.structs.replace(NO_RATES, head_timeout=1.0, slow_grace=0.5)
BIG = 24 * 1024 * 1024

MODES = {
    "slow headers": ("-H", "-u", "/api/t/hello/you", "-i", "1"),
    "slow body": ("-B", "-u", "/api/t/r/slowbody", "-s", "100000", "-i", "1", "-x", "10", "-t", "POST"),
    "ranges": ("-R", "-u", "/api/t/r/ranges", "-a", "1", "-b", "3000"),
    "slow read": ("-X", "-u", "/api/t/r/slowread", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-t", "GET"),
}


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    upstream = RawUpstream()

    @upstream.run("slowread")
    def big(peer: Peer, request: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        for _ in range(BIG // 65536):
            peer.send(bytes(65536))

    with GatewayProcess(upstream.url, limits=LIMITS) as process:
        yield process
    upstream.close()


def connected(gateway: GatewayProcess) -> int:
    """Connections of clients."""
    connections = psutil.Process(gateway.pid).net_connections("tcp")
    return sum(each.status == "ESTABLISHED" and each.laddr.port == gateway.port for each in connections)


@pytest.mark.parametrize("mode", MODES)
def test_an_attack(gateway: GatewayProcess, mode: str) -> None:
    program = shutil.which("slowhttptest")
    if program is None:
        pytest.fail("no slowhttptest: install the package of that name", pytrace=False)
    options = [each.replace("/api", f"http://127.0.0.1:{gateway.port}/api") for each in MODES[mode]]
    options += ["-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-l", str(LONGEST), "-v", "1"]
    attack = subprocess.Popen([program, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    took: list[float] = []
    most = 0
    began = time.monotonic()
    try:
        while attack.poll() is None:
            asked = time.monotonic()
            assert gateway.ask("GET", "/api/t/hello/you").status == 200
            took.append(time.monotonic() - asked)
            open_now = connected(gateway)
            most = max(most, open_now)
            if most > CONNECTIONS / 4 and open_now == 0:
                break  # all are let go, whether the tool has noticed or not
    finally:
        attack.kill()
        output = COLOUR.sub("", attack.communicate()[0])
    assert time.monotonic() - began < LONGEST - 2, output
    assert most > CONNECTIONS / 4 or "ranges" in mode, output  # those are answered as fast as they come
    assert "service available:   NO" not in output
    assert max(took) < 5, statistics.quantiles(took)  # the upstream's threads are in this process too
    assert statistics.median(took) < 0.3
    wait_for(lambda: gateway.pool("raw")["in_use"] == 0)
    with gateway.client() as client:
        client.send(request_bytes("GET", "/api/t/hello/you"))
        assert client.answer().status == 200
