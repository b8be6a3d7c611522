"""A real PrusaLink with a stand-in for its printer on a pseudo-terminal, for every test that talks to one.

One server a test process; tests that use it carry `prusalink_marks`, so that `--dist loadgroup` sends them all to the
same worker, or to two: they wait most of the time, and all in a row would take as long as all others.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.support.marlin_serial import MarlinSerial
from tests.support.octoprint import free_port
from tests.support.plain import NO_AUTHORITIES

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK = CHECKOUT / "requirements" / "prusalink.txt"
REALM = "Administrator"

STARTS = 3
"""How often a server is started that doesn't obey."""
FINISHED_SECONDS = 3
# PrusaLink as it is, but for three things: it announces itself by multicast DNS on every interface, and a test's server
# stays on loopback; it takes no folder below /tmp, where tests have theirs; and it is FINISHED or STOPPED for 3 s
# instead of 11 after each print.
LAUNCH = f"""
import functools, sys, zeroconf
zeroconf.Zeroconf = functools.partial(zeroconf.Zeroconf, interfaces=["127.0.0.1"])
import prusa.link.const
prusa.link.const.BLACKLISTED_PATHS.clear()
prusa.link.const.PRINT_END_TIMEOUT = {FINISHED_SECONDS}
from prusa.link.__main__ import main
sys.exit(main())
"""

CONFIG = """
[daemon]
data_dir = {directory}
[http]
address = 127.0.0.1
port = {port}
[printer]
port = {serial}
[cameras]
auto_detect = False
"""

SETTINGS = """
[printer]
type = MK3S
name = test
[service::local]
enable = 1
username = {username}
digest = {digest}
api_key = {api_key}
"""


def prusalink_marks(worker: str = "prusalink") -> tuple[pytest.MarkDecorator, ...]:
    """Of a test that needs it."""
    return (pytest.mark.prusalink, pytest.mark.xdist_group(worker))


def prusalink_python() -> Path:
    """FLUXGATE_TEST_PRUSALINK (a Python that has PrusaLink), or that of the checkout's own `.venv-prusalink`, which is
    made when it isn't there.
    """
    if named := os.environ.get("FLUXGATE_TEST_PRUSALINK"):
        return Path(named)
    venv = CHECKOUT / ".venv-prusalink"
    lock_name = "prusalink-install-" + str(CHECKOUT).replace(os.sep, "_") + ".lock"
    with (Path(tempfile.gettempdir()) / lock_name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # xdist's workers all come here at once
        if not (venv / "bin" / "prusalink").exists():
            install = ["install", "--quiet", "--require-hashes", "--no-deps", "-r", LOCK]
            subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
            subprocess.run([venv / "bin" / "pip", *install], check=True)
    return venv / "bin" / "python"


class PrusaLinkServer:
    """One PrusaLink process and its printer. `url` and the credentials stay the same over `kill()` and `start()`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api_key = secrets.token_hex(8)
        self.username = "maker"
        self.password = secrets.token_hex(8)
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.printer = MarlinSerial(directory / "serial")
        digest = hashlib.md5(f"{self.username}:{REALM}:{self.password}".encode(), usedforsecurity=False).hexdigest()
        (directory / "prusalink.ini").write_text(
            CONFIG.format(directory=directory, port=self.port, serial=self.printer.port)
        )
        (directory / "prusa_printer_settings.ini").write_text(
            SETTINGS.format(username=self.username, digest=digest, api_key=self.api_key)
        )

    def start(self, timeout: float = 90.0) -> None:
        """Start the server and wait until its printer is idle: PrusaLink itself waits 8 s for a printer to boot."""
        for _ in range(STARTS):
            self._start(timeout)
            if self.obeys():
                return
            self.kill()
        raise RuntimeError(f"PrusaLink carries out no command, started {STARTS} times")

    def obeys(self) -> bool:
        """Whether it carries out commands. Having found its printer it may lose the first one to itself (it clears its
        queue of lines in a thread of its own), waits for that one's answer for ever, and starts no print again."""
        try:
            self.request("POST", "/api/printer/ready")
            self.printer.say("// action:not_ready")  # as from the printer's own menu: `DELETE` fails in this version
            self.wait_for("IDLE", timeout=10)
        except (httpx.TimeoutException, RuntimeError):
            return False
        return True

    def _start(self, timeout: float) -> None:
        self.printer.unplug()
        self.printer.plug()
        # after a crash in mid-print it would wait 20 s for the printer to heat up again
        (self.directory / "power_panic").unlink(missing_ok=True)
        command: list[str | Path] = [prusalink_python(), "-c", LAUNCH]
        command += ["--foreground", "--info", "--config", self.directory / "prusalink.ini"]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.directory), "LANG": "C.UTF-8"}
        with (self.directory / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self.wait_for("IDLE", timeout=timeout)

    def state(self) -> str | None:
        """PrusaLink's own word for the printer's state; None while it has none."""
        try:
            answer = self.request("GET", "/api/v1/status")
        except httpx.TransportError:
            return None
        return str(answer.json()["printer"]["state"]) if answer.status_code == 200 else None

    def wait_for(self, *states: str, timeout: float = 30.0) -> None:
        """Wait until PrusaLink says that the printer is in one of these states."""
        deadline = time.monotonic() + timeout
        while (state := self.state()) not in states:
            if time.monotonic() > deadline or self.process is None or self.process.poll() is not None:
                log = (self.directory / "output.log").read_text(errors="replace")
                raise RuntimeError(
                    f"PrusaLink isn't {' or '.join(states)} after {timeout} s but {state}:\n{log[-5000:]}"
                )
            time.sleep(0.05)

    def request(
        self, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """One request with the key, straight to the server."""
        with httpx.Client(trust_env=False, timeout=10, verify=NO_AUTHORITIES) as client:
            return client.request(
                method, self.url + path, content=content, headers={"X-Api-Key": self.api_key} | (headers or {})
            )

    def reset(self) -> None:
        """Bring the server back to how a test expects it: running, idle, nothing printing, no files."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        if self.state() != "IDLE":
            self._stop_print()
            self.wait_for("IDLE", timeout=60)
        if not self.obeys():
            self.kill()
            self.start()
        deadline = time.monotonic() + 30
        while files := self.request("GET", "/api/v1/files/local/").json().get("children", []):
            if time.monotonic() > deadline:
                raise RuntimeError(f"PrusaLink keeps {files}")
            for file in files:
                # a second time fails: it goes on listing what is gone for 0.2 s
                self.request("DELETE", f"/api/v1/files/local/{quote(file['name'])}")
            time.sleep(0.1)

    def _stop_print(self) -> None:
        job = self.request("GET", "/api/v1/job")
        if job.status_code == 200:
            self.request("DELETE", f"/api/v1/job/{job.json()['id']}")

    def kill(self) -> None:
        """End the process as a power cut would."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def prusalink_server() -> Iterator[PrusaLinkServer]:
    """This test process's PrusaLink. Prefer `prusalink`, which is clean."""
    directory = Path(tempfile.mkdtemp(prefix="prusalink-"))
    server = PrusaLinkServer(directory)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        server.printer.unplug()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def prusalink(prusalink_server: PrusaLinkServer) -> PrusaLinkServer:
    """PrusaLink as new: its printer connected and idle, no files."""
    prusalink_server.reset()
    return prusalink_server
