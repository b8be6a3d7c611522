"""A real Moonraker, with the stand-in of `klippy.py` for Klipper, for every test that talks to one.

One server a test process; tests that use it carry `MOONRAKER_MARKS`, so that `--dist loadgroup` sends them all to the
same worker.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.environments import executable
from tests.support.octoprint import free_port
from tests.support.plain import NO_AUTHORITIES

MOONRAKER_MARKS = (pytest.mark.moonraker, pytest.mark.xdist_group("moonraker"))
KLIPPY = Path(__file__).with_name("klippy.py")
CONFIG = """
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {socket}

[authorization]

[announcements]
enable_moonlight: False

[machine]
provider: none
validate_service: False
validate_config: False

[file_manager]
check_klipper_config_path: False
"""


class MoonrakerServer:
    """One Moonraker process and one Klipper. `url` and `api_key` stay the same over `kill()` and `start()`.

    `directory` is short: a socket's path has about a hundred characters.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.klippy: subprocess.Popen[bytes] | None = None
        self._api_key: str | None = None
        self._socket = directory / "klippy.sock"
        for folder in ("config", "gcodes", "klipper/config", "klipper/docs", "logs", "tmp"):
            (directory / folder).mkdir(parents=True)
        (directory / "config" / "moonraker.conf").write_text(CONFIG.format(port=self.port, socket=self._socket))

    @property
    def api_key(self) -> str:
        """The server's key, which it makes up at its first start."""
        if self._api_key is None:
            database = self.directory / "database" / "moonraker-sql.db"
            with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                (self._api_key,) = connection.execute(
                    "SELECT password FROM authorized_users WHERE username = '_API_KEY_USER_'"
                ).fetchone()
        return self._api_key

    def start(self) -> None:
        """Start the server and wait until it answers; Klipper is started by `start_klippy`."""
        self.process = self._spawn(executable("moonraker", "FLUXGATE_TEST_MOONRAKER"), "-n", "-d", self.directory)
        self._until(self._answers, "Moonraker answers")

    def start_klippy(self, broken: str | None = None) -> None:
        """Start Klipper and wait until Moonraker has it. `broken`: what is wrong with its configuration."""
        options = ["--broken", broken] if broken else []
        self.klippy = self._spawn(sys.executable, KLIPPY, self._socket, self.directory / "gcodes", *options)
        self.until_klippy("error" if broken else "ready")

    def until_klippy(self, state: str) -> None:
        """Wait until Moonraker sees Klipper in this state: `ready`, `shutdown`, `error` or `disconnected`."""
        self._until(lambda: self.call("GET", "/server/info")["klippy_state"] == state, f"Klipper is {state}")

    def kill(self) -> None:
        """End Moonraker as a power cut would."""
        self.process = _end(self.process)

    def kill_klippy(self) -> None:
        """End Klipper, and with it the print, as a crash would."""
        self.klippy = _end(self.klippy)

    def request(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One request with the key, straight to the server."""
        with httpx.Client(trust_env=False, timeout=20, verify=NO_AUTHORITIES) as client:
            return client.request(method, self.url + path, headers={"X-Api-Key": self.api_key}, json=body)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The result of a request that has to succeed."""
        return self.request(method, path, body).raise_for_status().json()["result"]

    def script(self, *lines: str) -> httpx.Response:
        """Have Klipper carry out these lines."""
        return self.request("POST", "/printer/gcode/script", {"script": "\n".join(lines)})

    def objects(self, *names: str) -> dict[str, Any]:
        """Klipper's objects of these names."""
        status = self.call("POST", "/printer/objects/query", {"objects": dict.fromkeys(names)})["status"]
        assert isinstance(status, dict)
        return status

    def waiting(self) -> int:
        """How many scripts wait for the one that runs."""
        waiting = self.objects("gcode")["gcode"]["waiting"]
        assert isinstance(waiting, int)
        return waiting

    def prints(self) -> list[str]:
        """The files that Klipper began to print since its process began, each as often."""
        prints = self.objects("gcode")["gcode"]["prints"]
        assert isinstance(prints, list)
        return prints

    def reset(self) -> None:
        """Whatever a test left behind: running, Klipper freshly started, no files, no cameras."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.kill_klippy()
        self.until_klippy("disconnected")
        for file in self.call("GET", "/server/files/list?root=gcodes"):
            self.request("DELETE", f"/server/files/gcodes/{quote(file['path'])}").raise_for_status()
        for camera in self.call("GET", "/server/webcams/list")["webcams"]:
            self.call("DELETE", f"/server/webcams/item?uid={camera['uid']}")
        self.start_klippy()

    def _spawn(self, *command: str | Path) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.directory / "tmp"),
        }
        with (self.directory / "output.log").open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def _answers(self) -> bool:
        with httpx.Client(trust_env=False, timeout=5, verify=NO_AUTHORITIES) as client:
            return client.get(self.url + "/server/info").status_code == 401  # it wants the key

    def _until(self, condition: Callable[[], bool], what: str, timeout: float = 60.0) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        log = (self.directory / "output.log").read_text(errors="replace")
        raise RuntimeError(f"not within {timeout} s: {what}\n{log[-5000:]}")


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def moonraker_server() -> Iterator[MoonrakerServer]:
    """This test process's Moonraker. Prefer `moonraker`, which is clean."""
    directory = Path(tempfile.mkdtemp(prefix="moonraker-"))
    server = MoonrakerServer(directory)
    try:
        server.start()
        yield server
    finally:
        server.kill_klippy()
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def moonraker(moonraker_server: MoonrakerServer) -> MoonrakerServer:
    """Moonraker as new: its Klipper ready, no files."""
    moonraker_server.reset()
    return moonraker_server
