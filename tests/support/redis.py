"""A real Redis for tests: the machine's own redis-server on a free port, in a folder of its own, else a failure."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

import pytest

from tests.support.rawpeer import refusing_port


class RedisServer:
    """A server that remembers nothing over a restart, on the same port all the time."""

    def __init__(self) -> None:
        self._program = shutil.which("redis-server")
        if self._program is None:
            pytest.fail("no Redis: install the redis-server package", pytrace=False)
        self._folder = tempfile.TemporaryDirectory(prefix="fluxgate-redis-")
        self.port = refusing_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        """Start, and return when it answers."""
        assert self._program is not None
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self._process = subprocess.Popen(
            [self._program, *options, "--dir", self._folder.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while self.ask(b"PING\r\n") != b"+PONG\r\n":
            assert self._process.poll() is None, "redis-server doesn't start"
            assert time.monotonic() < deadline, "redis-server doesn't answer"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """From now on it takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, command: bytes) -> bytes:
        """The first bytes of the answer to one command; empty if nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(command)
                return connection.recv(65536)
        except OSError:
            return b""
