"""`fluxgate run` with the printing plugin as a real process in a folder of its own, which can be stopped, killed and
started again on the same data.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg
import httpx

from tests.support.forked import Forked
from tests.support.plain import NO_AUTHORITIES
from tests.support.postgres import in_a_loop_of_its_own

T = TypeVar("T")
LISTENING = re.compile(rb"listening on (http://\S+)")
UPLOAD = "/files/upload"


def wait_for(condition: Callable[[], T], timeout: float = 15, what: str = "") -> T:
    """The first value of `condition()` that is true; AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or condition}; last: {value!r}")
        time.sleep(0.05)


class PrintingGateway:
    """A gateway on a free port. `config`: the text of its fluxgate.toml; `headers`: what each request carries, such as
    a credential; `env`: what its environment has besides.

    `program`: what Python runs. A context manager: leaving ends it with SIGTERM and expects exit code 0. All calls
    block.
    """

    program: Sequence[str | Path] = ("-m", "fluxgate", "run")

    def __init__(
        self,
        config: str = "",
        *,
        database_url: str | None = None,
        headers: dict[str, str] | None = None,
        **env: str,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fluxgate-printing-"))
        self.database_url = database_url or f"sqlite:///{self.folder}/fluxgate-data/fluxgate.sqlite"
        self.process: Forked | subprocess.Popen[bytes] | None = None
        self.url = ""
        self.client = httpx.Client(trust_env=False, timeout=30, headers=headers, verify=NO_AUTHORITIES)
        self._log = self.folder / "log"
        self._out = self.folder / "out"
        (self.folder / "fluxgate.toml").write_text(config)
        self.env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "FLUXGATE_PORT": "0",
            "FLUXGATE_DATABASE_URL": self.database_url,
            # Nobody stands at these printers. What is about the gate sets it.
            "FLUXGATE_PLUGINS__PRINTING__BED_GATE": "false",
            **env,
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self.process is not None:
                self.stop()
        finally:
            if error is not None:
                sys.stderr.write(f"--- the gateway's log:\n{self.log}\n")
            self.discard()

    def discard(self) -> None:
        """End it in any way, and remove its folder."""
        self.kill()
        self.client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the process

    def start(self, timeout: float = 60, *, quarantined: bool = False) -> None:
        """Start it, and wait until it answers that it is ready, or that the plugin is quarantined."""
        process = self.launch()

        def listening() -> str:
            assert process.poll() is None, f"the gateway ended with {process.returncode}:\n{self.log}"
            found = LISTENING.search(self._out.read_bytes())
            return found[1].decode() if found else ""

        self.url = wait_for(listening, timeout, "the gateway listens")
        wait_for(lambda: self.client.get(f"{self.url}/-/health/live").is_success, timeout, "the gateway lives")
        status = self.health()["plugins"]["printing"]["status"]
        assert status == ("quarantined" if quarantined else "active"), f"the plugin is {status}:\n{self.log}"

    def launch(self) -> Forked | subprocess.Popen[bytes]:
        """Start it, and wait for nothing."""
        self._out.write_bytes(b"")
        if self.env["PYTHONPATH"] == os.environ.get("PYTHONPATH", ""):
            self.process = Forked(self.program, cwd=self.folder, env=self.env, out=self._out, log=self._log)
        else:  # plugins and drivers of its own are looked for when it is imported
            with self._log.open("ab") as log, self._out.open("ab") as out:
                self.process = subprocess.Popen(
                    [sys.executable, *self.program],
                    cwd=self.folder,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=log,
                )
        return self.process

    def stop(self) -> None:
        """SIGTERM; it must end by itself, with code 0."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"SIGTERM doesn't end the gateway:\n{self.log}") from None
        assert code == 0, f"exit code {code}:\n{self.log}"

    def kill(self) -> None:
        """SIGKILL, as a power cut; no harm if it has ended."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Kill it and start it again on the same data."""
        self.kill()
        self.start()

    @property
    def log(self) -> str:
        """All that it logged, over all its lives."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    # -- its API

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request below /api/printing."""
        return self.client.request(method, f"{self.url}/api/printing{path}", **options)

    def get(self, path: str) -> Any:
        """A successful GET's JSON."""
        return ok(self.request("GET", path))

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """A successful POST's JSON."""
        return ok(self.request("POST", path, **({} if body is None else {"json": body}), **options))

    def delete(self, path: str) -> Any:
        """A successful DELETE's JSON."""
        return ok(self.request("DELETE", path))

    def upload(self, name: str, content: bytes, **fields: str) -> Any:
        """A successful upload's JSON."""
        return ok(self.request("POST", UPLOAD, files={"files": (name, content)}, data=fields))

    def enqueue(self, filename: str, **more: Any) -> int:
        """The queue id of a new job."""
        return int(self.post("/queue", {"filename": filename, **more})["queue_id"])

    def health(self) -> Any:
        return self.client.get(f"{self.url}/-/health").json()

    def job(self, queue_id: int) -> dict[str, Any]:
        """The newest row with this queue id, straight from the database."""
        rows = self.rows(f"SELECT * FROM print_jobs WHERE fluxprint_queue_id = {queue_id} ORDER BY created_at DESC")
        assert rows, f"there is no job {queue_id}"
        return rows[0]

    def wait_status(self, queue_id: int, status: str, timeout: float = 20) -> dict[str, Any]:
        """The job's row, once it has this status."""
        return wait_for(
            lambda: (row := self.job(queue_id))["status"] == status and row,  # type: ignore[return-value]
            timeout,
            f"job {queue_id} is {status}",
        )

    def wait_state(self, text: str, timeout: float = 20) -> Any:
        """`GET /status`, once the printer's state reads so."""
        return wait_for(
            lambda: (seen := self.get("/status"))["state"]["text"] == text and seen,
            timeout,
            f"the printer is {text}; it is {self.get('/status')['state']['text']}",
        )

    # -- its database

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """A query's rows, from another connection than the gateway's."""
        if self.database_url.startswith("sqlite"):
            connection = sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=10)
            try:
                connection.row_factory = sqlite3.Row
                return [dict(row) for row in connection.execute(sql)]
            finally:
                connection.close()
        return in_a_loop_of_its_own(_postgres_rows(self.database_url, sql))

    def write(self, sql: str) -> None:
        """Run a statement in its SQLite database, from another connection."""
        connection = sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=10)
        try:
            connection.execute(sql)
            connection.commit()
        finally:
            connection.close()

    @contextmanager
    def locked_database(self) -> Iterator[None]:
        """Keep its SQLite database from being written, as long as this lasts."""
        connection = sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=10, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        finally:
            connection.close()


async def _postgres_rows(url: str, sql: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        async with asyncio.timeout(10):
            return [dict(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def ok(answer: httpx.Response) -> Any:
    """The JSON object or array of a success, as FluxStudio's frontend wants one."""
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"].startswith("application/json"), answer.headers
    body = answer.json()
    assert isinstance(body, (dict, list)), body
    return body


def problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> Any:
    """The problem body of an error answer, which must be whole and give nothing away."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["success"] is False
    assert body["code"] == code, body
    assert body["error"]
    assert body["message"]
    assert body["status"] == status
    if field is not None:
        assert body["field"] == field, body
    for secret in ("Traceback", "127.0.0.1", "localhost", "/tmp", "sqlite3", "asyncpg"):
        assert secret not in answer.text, body
    if status == 403:
        assert not re.search("token|unauthorized|authentication", body["message"], re.IGNORECASE)
    assert not re.search("fetch|network", body["message"], re.IGNORECASE), "FluxStudio's frontend would retry it"
    return body
