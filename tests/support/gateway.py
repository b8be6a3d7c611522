"""The gateway as a real server process over the plugin in `proxy_plugin.py`, for tests that look at it from outside.

`python -m tests.support.gateway JSON` serves until SIGTERM and prints its port first.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import psutil

from fluxgate.app import build
from fluxgate.plugins.record import PluginRecord
from fluxgate.server import make_server
from fluxgate.settings import AuthSettings, GatewaySettings, LimitSettings, Settings
from fluxgate.testing import NO_RATES
from tests.support.forked import Forked
from tests.support.proxy_plugin import Addresses, spec
from tests.support.rawpeer import TIMEOUT, Answer, RawClient, refusing_port, request_bytes

TRUSTED = "127.0.0.2"
"""A client that comes from here is a trusted proxy."""

T = TypeVar("T")
MAX_HEAD = 16 * 1024
MIB = 1024 * 1024


class Arguments(msgspec.Struct, frozen=True):
    """What the process is told: `settings` overrides fields of GatewaySettings."""

    addresses: Addresses
    settings: dict[str, Any]
    limits: LimitSettings
    data_dir: str


class GatewayProcess:
    """A running gateway, without rate limits unless `limits` has some; its log is a file. Leaving the context ends it
    with SIGTERM and expects exit code 0."""

    def __init__(
        self,
        raw: str = "",
        unanswering: int = 0,
        sockets: str = "",
        limits: LimitSettings = NO_RATES,
        **settings: object,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fluxgate-test-")
        refusing = f"http://127.0.0.1:{refusing_port()}"
        arguments = Arguments(
            Addresses(
                raw or refusing,
                refusing,
                f"http://127.0.0.1:{unanswering}" if unanswering else refusing,
                sockets or refusing,
            ),
            {"trusted_proxies": [f"{TRUSTED}/32"], "max_header_bytes": MAX_HEAD, "shutdown_timeout": 5, **settings},
            limits,
            self._folder.name,
        )
        self._log = Path(self._folder.name) / "log"
        out = Path(self._folder.name) / "out"
        self.process = Forked(
            ("-m", "tests.support.gateway", msgspec.json.encode(arguments).decode()),
            cwd=Path.cwd(),
            env=os.environ,
            out=out,
            log=self._log,
        )

        def port() -> str:
            assert self.process.poll() is None, f"the gateway didn't start:\n{self.log}"
            line, ended, _ = out.read_text().partition("\n")
            return line if ended else ""

        self.port = int(wait_for(port, 30, "it says its port"))
        self.pid = self.process.pid
        self._psutil = psutil.Process(self.pid)
        if self.json("/-/health/ready")["status"] != "ok":
            raise AssertionError(f"the test plugin isn't served:\n{self.log}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """All that the process logged."""
        return self._log.read_text()

    def logged(self, text: str, timeout: float = TIMEOUT) -> str:
        """The first log line with `text`, waiting for it."""
        return wait_for(lambda: next((line for line in self.log.splitlines() if text in line), ""), timeout, text)

    def memory(self) -> int:
        """Resident bytes."""
        return int(self._psutil.memory_info().rss)

    def descriptors(self) -> int:
        """Open file descriptors."""
        return int(self._psutil.num_fds())

    def client(self, source: str = "127.0.0.1") -> RawClient:
        """A new connection."""
        return RawClient(self.port, source)

    def ask(
        self,
        method: str,
        target: str | bytes,
        headers: tuple[tuple[str | bytes, str | bytes], ...] = (),
        body: bytes = b"",
        *,
        source: str = "127.0.0.1",
    ) -> Answer:
        """One request on a connection of its own."""
        with self.client(source) as client:
            client.send(request_bytes(method, target, headers, body))
            return client.answer(bodyless=method == "HEAD")

    def raw(self, *pieces: bytes) -> Answer:
        """The answer to these very bytes."""
        with self.client() as client:
            client.send(*pieces)
            return client.answer()

    def json(self, path: str) -> Any:
        """A JSON answer's value."""
        return json.loads(self.ask("GET", path).body)

    def pool(self, name: str) -> dict[str, int]:
        """One upstream's pool as `/-/health` shows it."""
        view: dict[str, int] = self.json("/-/health")["plugins"]["t"]["upstreams"][name]
        return view

    def stop(self) -> None:
        """SIGTERM; `AssertionError` unless it ends with 0 and its log shows no fault of the gateway's own."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the gateway didn't stop:\n{self.log[-3000:]}") from None
        log = self.log
        self._folder.cleanup()
        assert code == 0, log[-3000:]
        for fault in ("never retrieved", "Exception in ASGI application", "callback failed", "socket.send() raised"):
            assert fault not in log, log[max(0, log.index(fault) - 500) :][:3000]


class MemoryWatch:
    """The most a process grew while the context was open: `growth` in bytes."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._stop = threading.Event()
        self._before = gateway.memory()
        self._most = self._before
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        """Bytes over what it had at the beginning."""
        return self._most - self._before

    def _sample(self) -> None:
        while not self._stop.wait(0.02):
            self._most = max(self._most, self._gateway.memory())


def wait_for(condition: Callable[[], T], timeout: float = TIMEOUT, what: object = "") -> T:
    """The first true value of `condition()`; `AssertionError` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout} s: {what or condition}")
        time.sleep(0.02)
    return value


def main(argument: str) -> None:
    """Serve."""
    arguments = msgspec.json.decode(argument, type=Arguments)
    logging.basicConfig(level="INFO", format="%(levelname)s %(name)s %(message)s")
    record = PluginRecord("t")
    record.spec = spec(arguments.addresses)
    gateway = GatewaySettings(
        **{"port": 0, "data_dir": Path(arguments.data_dir), **arguments.settings},
    )
    # What the tests call it; some of them speak of Hosts that are anybody's.
    auth = AuthSettings(allowed_hosts=("*",))
    app = build(Settings(gateway=gateway, auth=auth, limits=arguments.limits), [record])

    def listening(host: str, port: int) -> None:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()

    make_server(app, gateway, listening).run()


if __name__ == "__main__":
    main(sys.argv[1])
