"""Large files take no memory of the gateway: uploaded one by one and several at once, analysed, downloaded."""

from __future__ import annotations

import hashlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from plugins.printing.tests.e2e.backends import SHORT, virtual
from plugins.printing.tests.files.slicers import FILES
from tests.support.printing_gateway import PrintingGateway, wait_for

pytestmark = [pytest.mark.xdist_group("printing-large-files"), pytest.mark.timeout(300)]

MIB = 1024 * 1024
LIMIT = 30 * MIB
BLOCK = b"G1 X1.5 Y2.5 E.3\n" * 61_680 + b";" * 15 + b"\n"
HEAD, _, TAIL = FILES["prusa"].partition(b"M84")


@pytest.fixture
def gateway() -> Iterator[PrintingGateway]:
    with PrintingGateway(virtual()) as running:
        # What is loaded and made with the first requests isn't growth.
        running.upload("first.gcode", FILES["prusa"] + BLOCK * 8)
        wait_for(lambda: running.get("/files/first.gcode")["metadata"]["analysed"])
        assert running.request("GET", "/files/first.gcode/download").is_success
        running.delete("/files/first.gcode")
        yield running


def growth(gateway: PrintingGateway, act: Callable[[], object]) -> int:
    """By how many bytes the process's memory grew at most while `act` ran: the kernel's own peak."""
    assert gateway.process is not None
    process = Path("/proc") / str(gateway.process.pid)

    def status(name: str) -> int:
        found = re.search(rf"{name}:\s+(\d+) kB", (process / "status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    (process / "clear_refs").write_text("5")  # the peak begins anew
    before = status("VmRSS")
    act()
    return status("VmHWM") - before


def send(gateway: PrintingGateway, name: str, megabytes: int) -> str:
    """Upload generated G-code, PrusaSlicer's around a lot of moves; its SHA-256."""
    boundary = b"----generated"
    first = b'--%b\r\nContent-Disposition: form-data; name="files"; filename="%b"\r\n\r\n' % (boundary, name.encode())
    last = b"\r\n--%b--\r\n" % boundary
    digest = hashlib.sha256(HEAD)
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=120) as client:
        length = len(first) + len(HEAD) + megabytes * len(BLOCK) + 3 + len(TAIL) + len(last)
        client.sendall(
            b"POST /api/printing/files/upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: multipart/form-data; boundary=%b\r\nContent-Length: %d\r\n\r\n" % (boundary, length)
        )
        client.sendall(first + HEAD)
        for _ in range(megabytes):
            client.sendall(BLOCK)
            digest.update(BLOCK)
        client.sendall(b"M84" + TAIL + last)
        digest.update(b"M84" + TAIL)
        answer = b""
        while piece := client.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 201"), answer
    return digest.hexdigest()


def receive(gateway: PrintingGateway, name: str) -> str:
    digest = hashlib.sha256()
    with gateway.client.stream("GET", f"{gateway.url}/api/printing/files/{name}/download") as answer:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            digest.update(piece)
    return digest.hexdigest()


def test_one_large_file(gateway: PrintingGateway) -> None:
    digests: list[str] = []
    grown = growth(gateway, lambda: digests.append(send(gateway, "large.gcode", 954)))
    assert grown <= LIMIT, f"the upload took {grown / MIB:.1f} MiB"

    def read() -> None:
        wait_for(lambda: gateway.get("/files/large.gcode")["metadata"]["analysed"], 60, "it is read")

    grown = growth(gateway, read)
    assert grown <= LIMIT, f"reading what it says took {grown / MIB:.1f} MiB"
    file = gateway.get("/files/large.gcode")
    assert (file["hash"], file["metadata"]["layers"]) == (digests[0], 120)
    grown = growth(gateway, lambda: digests.append(receive(gateway, "large.gcode")))
    assert grown <= LIMIT, f"the download took {grown / MIB:.1f} MiB"
    assert digests[1] == digests[0]


def test_three_at_once(gateway: PrintingGateway) -> None:
    slowest = 0.0

    def all_three() -> None:
        nonlocal slowest
        with ThreadPoolExecutor(3) as pool:
            uploads = [pool.submit(send, gateway, f"{number}.gcode", 300) for number in range(3)]
            while not all(one.done() for one in uploads):
                begun = time.monotonic()
                gateway.get("/status")
                slowest = max(slowest, time.monotonic() - begun)
                time.sleep(0.05)
            assert len({one.result() for one in uploads}) == 1

    grown = growth(gateway, all_three)
    assert grown <= LIMIT, f"three uploads took {grown / MIB:.1f} MiB"
    assert slowest < 5, "others are answered meanwhile"
    assert gateway.get("/files")["count"] == 3
    assert gateway.upload("small.gcode", SHORT)["done"]


def test_a_client_that_doesnt_read_its_download(gateway: PrintingGateway) -> None:
    send(gateway, "large.gcode", 100)
    address = urlsplit(gateway.url)

    def stall() -> None:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(20)
            client.connect((address.hostname or "", address.port or 0))
            client.sendall(b"GET /api/printing/files/large.gcode/download HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.recv(100)
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                gateway.get("/status")

    assert growth(gateway, stall) <= LIMIT
