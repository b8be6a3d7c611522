"""A real PostgreSQL for tests: a URL from the environment, else a container, else the machine's own binaries, else a
failure.

Use the fixtures `fresh_postgres_url` (an empty database for each test) and `migrated_postgres_url` (with the
printing schema).
"""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import docker
import docker.errors
import pytest
from testcontainers.community.postgres import PostgresContainer

from fluxgate.db import Database
from fluxgate.migrations import migrate

T = TypeVar("T")
PRINTING = "fluxgate_printing.piccolo_app"
GATEWAY = "fluxgate.piccolo_app"


class PostgresServer:
    """`url`: a superuser's, of the maintenance database. `stop` ends what was started, and nothing else."""

    def __init__(self, url: str, stop: Callable[[], None]) -> None:
        self.url = url
        self.stop = stop
        self._templates: dict[tuple[str, ...], str] = {}

    def url_of(self, database: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    def execute(self, sql: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.url, timeout=10)
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        in_a_loop_of_its_own(run())

    def create(self, template: str | None = None) -> str:
        """A new database's name."""
        name = f"fluxgate_{uuid.uuid4().hex[:16]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def template(self, apps: tuple[str, ...]) -> str:
        """A database with the migrations of `apps`, to be copied; made once."""
        if apps not in self._templates:
            name = self.create()
            in_a_loop_of_its_own(migrate(Database.from_url(self.url_of(name)), apps))
            self._templates[apps] = name
        return self._templates[apps]

    def drop_templates(self) -> None:
        for name in self._templates.values():
            self.drop(name)


def in_a_loop_of_its_own(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in another thread: the test's own loop may be between two steps."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


def start_postgres() -> PostgresServer:
    """The first of the three that is there. Fails the test, and never skips it, when none is."""
    url = os.environ.get("FLUXGATE_TEST_POSTGRES_URL")
    if url:
        return PostgresServer(url, lambda: None)
    server = _from_container() or _from_binaries()
    if server is None:
        pytest.fail(
            "no PostgreSQL: set FLUXGATE_TEST_POSTGRES_URL, start Docker, or install the postgresql package",
            pytrace=False,
        )
    return server


def _from_container() -> PostgresServer | None:
    if not _docker_answers():
        return None
    container = PostgresContainer("postgres:16-alpine", driver=None)
    container.with_command("postgres -c fsync=off -c max_connections=200").start()
    return PostgresServer(container.get_connection_url(), container.stop)


def _docker_answers() -> bool:
    with warnings.catch_warnings():
        # a client that can't connect leaves its socket to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = docker.from_env(timeout=2)
            try:
                return bool(client.ping())
            finally:
                client.close()
        except (docker.errors.DockerException, OSError):
            return False
        finally:
            gc.collect()


def _from_binaries() -> PostgresServer | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name), reverse=True)
    found = shutil.which("postgres")
    if found:
        folders.append(Path(found).parent)
    if not folders:
        return None
    binaries = folders[0]
    folder = Path(tempfile.mkdtemp(prefix="fluxgate-postgres-"))
    runner: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        runner = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    subprocess.run(
        [*runner, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": folder,
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "shared_buffers": "32MB",
            "max_connections": 200,
            "autovacuum": "off",
        }
        arguments = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [*runner, binaries / "postgres", "-D", data, *arguments], stdout=log, stderr=log, cwd=folder
        )
        log.close()
        if _answers(process, binaries / "pg_isready", port):
            # without this asyncpg tries TLS first, and a connection cancelled at it leaves an exception nobody collects
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
            return PostgresServer(url, functools.partial(_stop, process, data, folder))
    pytest.fail(f"PostgreSQL doesn't start: {(folder / 'log').read_text()}", pytrace=False)


def _answers(process: subprocess.Popen[bytes], pg_isready: Path, port: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        ready = subprocess.run([pg_isready, "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
        if ready.returncode == 0:
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes], data: Path, folder: Path) -> None:
    pid_file = data / "postmaster.pid"
    if process.poll() is None and pid_file.exists():
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGINT)
        process.wait(timeout=30)
    shutil.rmtree(folder, ignore_errors=True)


class _Shared:
    """The session's server, and how many fixtures hold it."""

    server: PostgresServer | None = None
    holders = 0


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session (one for each xdist worker), however many conftests bring this fixture in."""
    server = _Shared.server = _Shared.server or start_postgres()
    _Shared.holders += 1
    yield server
    _Shared.holders -= 1
    if _Shared.holders == 0:
        _Shared.server = None
        server.drop_templates()
        server.stop()


@pytest.fixture
def fresh_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database."""
    name = postgres_server.create()
    yield postgres_server.url_of(name)
    postgres_server.drop(name)


@pytest.fixture
def migrated_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database with the gateway's and the printing plugin's schema and no rows."""
    name = postgres_server.create(postgres_server.template((GATEWAY, PRINTING)))
    yield postgres_server.url_of(name)
    postgres_server.drop(name)
