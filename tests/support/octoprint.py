"""A real OctoPrint with its virtual printer, for every test that talks to one.

One server a test process; tests that use it carry `OCTOPRINT_MARKS`, so that `--dist loadgroup` sends them all to the
same worker.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.environments import executable
from tests.support.plain import NO_AUTHORITIES

OCTOPRINT_MARKS = (pytest.mark.octoprint, pytest.mark.xdist_group("octoprint"))
NO_SUCH_PASSWORD = (
    "$pbkdf2-sha256$29000$c2FsdHNhbHRzYWx0$JdUdr.BEY3aLSZwfzWzW2x2Xlu5UMUzSaFOEVfEw1Us"  # nobody logs in with one
)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OctoPrintServer:
    """One OctoPrint process. `url` and `api_key` stay the same over `kill()` and `start()`."""

    def __init__(self, directory: Path, *, stream_url: str = "/webcam/?action=stream") -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api_key = secrets.token_hex(16)
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        # JSON is YAML
        (directory / "config.yaml").write_text(json.dumps(self._config(stream_url)))
        (directory / "users.yaml").write_text(json.dumps(self._users()))

    def _config(self, stream_url: str) -> dict[str, Any]:
        disabled = (
            "softwareupdate announcements tracking errortracking discovery achievements pi_support health_check "
            "pluginmanager firmware_check file_check backup"
        )
        return {
            "server": {
                "host": "127.0.0.1",
                "port": self.port,
                "firstRun": False,
                "secretKey": secrets.token_hex(16),
                "seenWizards": {"corewizard": 4, "classicwebcam": 1, "backup": None, "tracking": None},
                "onlineCheck": {"enabled": False},
                "pluginBlacklist": {"enabled": False},
                "pythonEolCheck": {"enabled": False},
            },
            "accessControl": {"salt": secrets.token_hex(16), "autologinLocal": False},
            "serial": {"port": "VIRTUAL", "baudrate": 0, "autoconnect": True},
            "plugins": {
                "_disabled": disabled.split(),
                "virtual_printer": {"_config_version": 1, "enabled": True, "throttle": 0.01, "simulated_errors": []},
                "classicwebcam": {"_config_version": 1, "stream": stream_url, "snapshot": ""},
            },
        }

    def _users(self) -> dict[str, Any]:
        user = {
            "active": True,
            "apikey": self.api_key,
            "groups": ["admins", "users"],
            "password": NO_SUCH_PASSWORD,
            "permissions": [],
            "roles": ["user", "admin"],
            "settings": {},
        }
        return {"_version": 2, "admin": user}

    def start(self, timeout: float = 60.0) -> None:
        """Start the server and wait until its printer is connected."""
        command: list[str | Path] = [
            executable("octoprint", "FLUXGATE_TEST_OCTOPRINT"),
            "serve",
            "--iknowwhatimdoing",
            "--host=127.0.0.1",
            f"--port={self.port}",
            f"--basedir={self.directory}",
        ]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.directory), "LANG": "C.UTF-8"}
        with (self.directory / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self.wait_connected(timeout)

    def wait_connected(self, timeout: float = 30.0) -> None:
        """Wait until the printer behind the server answers."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                answer = self.request("GET", "/api/printer")
                if answer.status_code == 200 and answer.json()["state"]["flags"]["ready"]:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        log = (self.directory / "output.log").read_text(errors="replace")
        raise RuntimeError(f"OctoPrint isn't ready after {timeout} s:\n{log[-5000:]}")

    def request(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One request with the key, straight to the server."""
        with httpx.Client(trust_env=False, timeout=10, verify=NO_AUTHORITIES) as client:
            return client.request(
                method,
                self.url + path,
                headers={"X-Api-Key": self.api_key},
                **({} if body is None else {"json": body}),  # type: ignore[arg-type]
            )

    def upload(self, name: str, content: bytes) -> None:
        """Give the server a file, as a person does with its own page."""
        with httpx.Client(trust_env=False, timeout=10, verify=NO_AUTHORITIES) as client:
            files = {"file": (name, content)}
            client.post(
                f"{self.url}/api/files/local", headers={"X-Api-Key": self.api_key}, files=files
            ).raise_for_status()

    def debug(self, fault: str) -> None:
        """Have the virtual printer misbehave:

        `drop_connection`, `trigger_fatal_error_marlin`, `action_disconnect`, …
        """
        self.request("POST", "/api/printer/command", {"command": f"!!DEBUG:{fault}"}).raise_for_status()

    def reset(self) -> None:
        """Bring the server back to how a test expects it: running, connected, nothing printing, no files."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self._idle()
        for file in self.request("GET", "/api/files").json()["files"]:
            self.request("DELETE", f"/api/files/local/{quote(file['path'])}").raise_for_status()

    def _idle(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = self.request("GET", "/api/printer")
            if answer.status_code == 409:
                self.request("POST", "/api/connection", {"command": "connect"}).raise_for_status()
            elif (flags := answer.json()["state"]["flags"])["ready"]:
                return
            elif (flags["printing"] or flags["paused"]) and not flags["cancelling"]:
                self.request("POST", "/api/job", {"command": "cancel"})
            time.sleep(0.05)
        raise RuntimeError("OctoPrint's printer doesn't become idle")

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process in an orderly way."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def octoprint_server() -> Iterator[OctoPrintServer]:
    """This test process's OctoPrint. Prefer `octoprint`, which is clean."""
    directory = Path(tempfile.mkdtemp(prefix="octoprint-"))
    server = OctoPrintServer(directory)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def octoprint(octoprint_server: OctoPrintServer) -> OctoPrintServer:
    """OctoPrint as new: connected, idle, no files."""
    octoprint_server.reset()
    return octoprint_server
