"""Servers under measurement as processes of our own: pinned to a core, measured through /proc, ended by their pid."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

HOST = "127.0.0.1"


class PrerequisiteError(RuntimeError):
    """Something the benchmark needs isn't there, or didn't work as it must to be compared."""


class Cores(msgspec.Struct, frozen=True):
    """`server`: the core of the process under measurement; `load`: the core of all else (upstream, load generator)."""

    server: int
    load: int


def choose_cores() -> Cores:
    """The first two cores this process may use. Raises PrerequisiteError where there is but one."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise PrerequisiteError("two cores are needed: one for the server, one for the load and the upstream")
    return Cores(available[0], available[1])


@contextlib.contextmanager
def pinned(*cores: int) -> Iterator[None]:
    """Runs the block, and every process started in it, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A TCP port on the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    """This process's environment without what would configure a gateway."""
    ours = ("FLUXGATE_", "FLUXPRINT_", "OCTOPRINT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


class Server:
    """A started server and its children (nginx has a worker). `log` holds what it printed."""

    def __init__(
        self, command: Sequence[str], *, core: int, port: int, log: Path, cwd: Path, env: Mapping[str, str]
    ) -> None:
        self.port = port
        self.log = log
        self.started = time.monotonic()
        with log.open("ab") as output, pinned(core):
            self.process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env={**clean_environment(), **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    def wait_listening(self, timeout: float = 30.0) -> None:
        """Returns when the port accepts; raises PrerequisiteError with the end of the log when it doesn't."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1.0):
                return
            time.sleep(0.005)
        raise PrerequisiteError(f"{self.process.args!r} doesn't serve:\n{self.log.read_text(errors='replace')[-2000:]}")

    def _tree(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def rss(self) -> float:
        """Resident memory of the process and its children, MB (10^6 bytes)."""
        return sum(process.memory_info().rss for process in self._tree()) / 1e6

    def reset_peak(self) -> None:
        """Makes the kernel count the peak of resident memory from now."""
        for process in self._tree():
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The largest resident memory since `reset_peak`, MB, summed over the process and its children."""
        total = 0
        for process in self._tree():
            status = Path(f"/proc/{process.pid}/status").read_text()
            total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
        return total * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """User and system time of the process and its children so far."""
        times = [process.cpu_times() for process in self._tree()]
        return sum(spent.user + spent.system for spent in times)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
