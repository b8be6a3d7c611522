"""The real `fluxgate` command over throw-away distributions: a folder on PYTHONPATH, nothing installed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.support.forked import Forked, run_forked
from tests.support.plain import NO_AUTHORITIES

LISTENING = re.compile(r"is listening on (http://\S+)")
TIMEOUT = 30.0


class Site:
    """A folder with installed plugins and a configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packages = folder / "site"
        self.packages.mkdir()
        self.config = folder / "fluxgate.toml"
        self.configure()

    def install(self, plugin: str, source: str, *, version: str = "1.0", distribution: str = "") -> None:
        """What installing a distribution `<plugin>` leaves behind: its one module, and its entry point."""
        distribution = distribution or f"dist-{plugin}"
        module = re.sub(r"\W", "_", distribution)
        (self.packages / f"{module}.py").write_text(source, encoding="utf-8")
        metadata = self.packages / f"{module}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (metadata / "entry_points.txt").write_text(f"[fluxgate.plugins]\n{plugin} = {module}\n")

    def configure(self, text: str = "", *, enabled: tuple[str, ...] | None = None, **gateway: object) -> None:
        """Write fluxgate.toml: `gateway` keys, then `text`."""
        lines = ["[gateway]", "port = 0"]
        if enabled is not None:
            lines.append(f"enabled = {list(enabled)}")
        for key, value in gateway.items():
            lines.append(f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}")
        self.config.write_text("\n".join(lines) + "\n" + text, encoding="utf-8")

    def environment(self, **variables: str) -> dict[str, str]:
        """The process's environment: this machine's own settings can't leak in."""
        own = {
            name: value for name, value in os.environ.items() if not re.match("FLUXGATE_|FLUXPRINT_|OCTOPRINT_", name)
        }
        return {
            **own,
            "PYTHONPATH": str(self.packages),
            "PYTHONWARNINGS": "error",
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        }

    def fluxgate(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return run_forked(
            ("-m", "fluxgate", *arguments), cwd=self.folder, env=self.environment(**variables), timeout=TIMEOUT
        )

    def serve(self, *arguments: str, **variables: str) -> Server:
        """`fluxgate run`, as a context."""
        return Server(self, arguments, variables)


class Server:
    """A running `fluxgate run`; leaving the context ends it with SIGTERM and expects exit code 0."""

    def __init__(self, site: Site, arguments: tuple[str, ...], variables: dict[str, str]) -> None:
        self._out = site.folder / "stdout"
        self._log = site.folder / "log"
        for file in (self._out, self._log):
            file.write_bytes(b"")
        self.process = Forked(
            ("-m", "fluxgate", "run", *arguments),
            cwd=site.folder,
            env=site.environment(**variables),
            out=self._out,
            log=self._log,
        )
        deadline = time.monotonic() + TIMEOUT
        while not (found := LISTENING.search(self.printed)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the gateway didn't start:\n{self.log}")
            time.sleep(0.02)
        self.url = found[1]
        self.client = httpx.Client(base_url=self.url, timeout=10, trust_env=False, verify=NO_AUTHORITIES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        code = self.stop()
        assert code == 0, self.log[-4000:]

    @property
    def printed(self) -> str:
        """Standard output so far."""
        return self._out.read_text()

    @property
    def log(self) -> str:
        """Standard error so far."""
        return self._log.read_text()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the gateway didn't stop:\n{self.log[-4000:]}") from None
