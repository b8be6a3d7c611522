"""The database layer on SQLite and PostgreSQL: URLs, lifecycle, transactions that end well, errors."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from piccolo.columns import Integer, Varchar
from piccolo.table import Table

from fluxgate.db import Database, UniqueViolationError
from fluxgate.engines import PooledSqliteEngine
from fluxgate.errors import SettingsError, UnavailableError
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


class Thing(Table, tablename="things"):
    name = Varchar(unique=True)
    value = Integer()


@pytest.fixture
async def things(database_url: str) -> AsyncIterator[Database]:
    """A started database with a table `things` of one row, ('a', 0)."""
    database = Database.from_url(database_url)
    await database.start()
    serial = "SERIAL" if database.dialect == "postgres" else "INTEGER"
    await database.fetch(f"CREATE TABLE things (id {serial} PRIMARY KEY, name TEXT UNIQUE, value INTEGER)")
    await database.fetch("INSERT INTO things (name, value) VALUES ({}, {})", "a", 0)
    yield database
    await database.stop()


async def value(database: Database) -> int:
    return int((await database.fetch("SELECT value FROM things WHERE name = 'a'"))[0]["value"])


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/x.sqlite", "data/x.sqlite"),
        ("sqlite:////var/lib/x.sqlite", "/var/lib/x.sqlite"),
        ("sqlite:///with%20space.sqlite", "with space.sqlite"),
    ],
)
def test_a_sqlite_url_names_a_path(url: str, path: str) -> None:
    database = Database.from_url(url)
    assert database.dialect == "sqlite"
    assert isinstance(database.engine, PooledSqliteEngine)
    assert database.engine.path == path


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("postgresql://u:s3cret@db:5433/x", "postgresql://u:***@db:5433/x"),
        ("postgres://u@db/x?sslmode=require", "postgresql://u@db/x?sslmode=require"),
        ("postgresql://u:s3cret@[::1]/x", "postgresql://u:***@[::1]/x"),
        ("postgresql:///x?host=/run/pg&password=s3cret", "postgresql:///x?host=/run/pg&password=***"),
        ("postgresql://u:p%40s3cret@db/x", "postgresql://u:***@db/x"),
    ],
)
def test_url_safe_has_no_password(url: str, safe: str) -> None:
    database = Database.from_url(url)
    assert database.dialect == "postgres"
    assert database.url_safe == safe
    assert "s3cret" not in repr(database)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:s3cret@h/x",
        "sqlite://x",
        "sqlite:x",
        "sqlite:///",
        "sqlite:///folder/",
        "sqlite:///:memory:",
        "sqlite:///x?mode=ro",
        "postgresql://u:s3cret@db",
        "postgresql:///x",
        "postgresql://u:s3cret@db:port/x",
        "postgresql://u:s3cret@db:99999/x",
        "postgresql://u:s3cret@[::1/x",
    ],
)
def test_a_bad_url_is_a_settings_error_without_the_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Database.from_url(url)
    assert caught.value.key == "database.url"
    assert "s3cret" not in str(caught.value)


async def test_constructing_opens_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        Database.from_url(f"postgresql://u@127.0.0.1:{server.getsockname()[1]}/x")
        with pytest.raises(TimeoutError):
            server.accept()
    Database.from_url(f"sqlite:///{tmp_path}/new/x.sqlite")
    assert not (tmp_path / "new").exists()


async def test_start_makes_the_folder_and_switches_to_wal(tmp_path: Path) -> None:
    database = Database.from_url(f"sqlite:///{tmp_path}/a/b/x.sqlite")
    await database.start()
    await database.start()
    assert (await database.fetch("PRAGMA journal_mode"))[0]["journal_mode"] == "wal"
    assert (await database.fetch("PRAGMA foreign_keys"))[0]["foreign_keys"] == 1
    assert (await database.fetch("PRAGMA busy_timeout"))[0]["timeout"] == 5000
    await database.stop()
    await database.stop()


async def test_it_starts_pings_stops_and_starts_again(database_url: str) -> None:
    database = Database.from_url(database_url)
    for _ in range(2):
        await database.start()
        await database.ping()
        await database.stop()


async def test_stop_leaves_no_thread(database_url: str) -> None:
    before = threading.active_count()
    database = Database.from_url(database_url)
    await database.start()
    await asyncio.gather(*(database.fetch("SELECT 1 AS one") for _ in range(20)))
    await database.stop()
    await eventually(lambda: threading.active_count() <= before)


async def test_a_silent_server_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        database = Database.from_url(f"postgresql://u@127.0.0.1:{server.getsockname()[1]}/x", connect_timeout=0.3)
        with anyio.fail_after(3):
            with pytest.raises(UnavailableError) as caught:
                await database.start()
            with pytest.raises(UnavailableError):
                await database.ping()
    assert caught.value.problem_code == "DATABASE_UNAVAILABLE"


async def test_no_server_and_no_database_are_unavailable(fresh_postgres_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for url in (f"postgresql://u:s3cret@127.0.0.1:{port}/x", fresh_postgres_url.replace("/fluxgate_", "/not_")):
        database = Database.from_url(url)
        with pytest.raises(UnavailableError) as caught:
            await database.start()
        assert "s3cret" not in str(caught.value)
        with pytest.raises(UnavailableError):
            await database.ping()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"not a database " * 100)
    database = Database.from_url(f"sqlite:///{tmp_path}/x.sqlite")
    with pytest.raises(UnavailableError):
        await database.start()
    await database.stop()


async def test_the_pool_outlives_cut_connections(fresh_postgres_url: str) -> None:
    database, other = Database.from_url(fresh_postgres_url), Database.from_url(fresh_postgres_url)
    await database.start()
    await asyncio.gather(*(database.fetch("SELECT pg_sleep(0.05)") for _ in range(5)))
    await other.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def works() -> bool:
        try:
            await database.ping()
        except UnavailableError:
            return False
        return True

    await eventually(works)
    assert all([await works() for _ in range(10)])
    await database.stop()


async def test_a_transaction_commits_or_rolls_back(things: Database) -> None:
    async with things.transaction():
        await things.fetch("UPDATE things SET value = 1")
    assert await value(things) == 1
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with things.transaction():
            await things.fetch("UPDATE things SET value = 2")
            raise ZeroDivisionError
    assert await value(things) == 1


async def test_a_nested_transaction_belongs_to_the_outer_one(things: Database) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with things.transaction():
            async with things.transaction():
                await things.fetch("UPDATE things SET value = 2")
            raise ZeroDivisionError
    assert await value(things) == 0


async def test_errors_of_the_body_are_left_alone(things: Database) -> None:
    with pytest.raises(ConnectionResetError):
        async with things.transaction():
            raise ConnectionResetError("a printer's, not the database's")


async def test_a_unique_violation_names_the_constraint(things: Database) -> None:
    with pytest.raises(UniqueViolationError) as caught:
        await things.fetch("INSERT INTO things (name, value) VALUES ({}, {})", "a", 1)
    assert "name" in caught.value.constraint
    with pytest.raises(UniqueViolationError):  # noqa: PT012
        async with things.transaction():
            await things.fetch("UPDATE things SET value = 5")
            await things.fetch("INSERT INTO things (name, value) VALUES ({}, {})", "a", 1)
    assert await value(things) == 0


async def test_twenty_read_modify_writes_keep_twenty(things: Database) -> None:
    lock = " FOR UPDATE" if things.dialect == "postgres" else ""

    async def add() -> None:
        async with things.transaction():
            row = (await things.fetch("SELECT value FROM things WHERE name = 'a'" + lock))[0]
            await things.fetch("UPDATE things SET value = {} WHERE name = 'a'", row["value"] + 1)

    await asyncio.gather(*(add() for _ in range(20)))
    assert await value(things) == 20


async def test_a_hundred_writers_take_turns(things: Database) -> None:
    async def add() -> None:
        async with things.transaction():
            await things.fetch("UPDATE things SET value = value + 1")

    with anyio.fail_after(4):  # SQLite's own polling takes longer than that, and starves some
        await asyncio.gather(*(add() for _ in range(100)))
    assert await value(things) == 100


async def test_cancelled_transactions_roll_back_and_let_go(things: Database) -> None:
    for when in range(30):
        with anyio.move_on_after(when / 2000):
            async with things.transaction():
                await things.fetch("UPDATE things SET value = 99")
                await things.fetch("SELECT count(*) AS n FROM things")
                await anyio.sleep(30)
    assert await value(things) == 0
    with anyio.fail_after(5):
        async with things.transaction():
            await things.fetch("UPDATE things SET value = 7")
    assert await value(things) == 7


async def test_cancelled_queries_leave_the_pool_whole(things: Database) -> None:
    before = threading.active_count()
    slow = (
        "SELECT pg_sleep(10)"
        if things.dialect == "postgres"
        else "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n"
    )
    for _ in range(15):
        with anyio.move_on_after(0.01):
            await things.fetch(slow)
    with anyio.fail_after(10):
        await asyncio.gather(*(things.fetch("SELECT 1 AS one") for _ in range(30)))
    await eventually(lambda: threading.active_count() <= before + things.pool_size)


async def test_a_locked_database_is_unavailable_and_lets_go(tmp_path: Path) -> None:
    database = Database.from_url(f"sqlite:///{tmp_path}/x.sqlite")
    database.engine.connection_kwargs["timeout"] = 0.1
    await database.start()
    await database.fetch("CREATE TABLE things (name TEXT, value INTEGER)")
    blocker = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError):
        async with database.transaction():
            raise AssertionError("not begun")
    with pytest.raises(UnavailableError):
        await database.fetch("INSERT INTO things VALUES ('a', 1)")
    blocker.execute("COMMIT")
    blocker.close()
    async with database.transaction():
        await database.fetch("INSERT INTO things VALUES ('a', 1)")
    await database.stop()


def test_a_process_exits_after_a_failed_begin_and_lost_connections(tmp_path: Path) -> None:
    script = f"""
import asyncio, sqlite3
from fluxgate.db import Database
from fluxgate.errors import UnavailableError

async def main():
    database = Database.from_url("sqlite:///{tmp_path}/x.sqlite")
    database.engine.connection_kwargs["timeout"] = 0.05
    await database.start()
    blocker = sqlite3.connect("{tmp_path}/x.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        async with database.transaction():
            pass
    except UnavailableError:
        print("refused")
    # and no stop: the process must end all the same

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "refused\n"
    assert "Traceback" not in done.stderr


async def test_bound_tables_need_no_piccolo_conf(things: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICCOLO_CONF", "there_is_no_such_module")
    things.bind([Thing])
    await Thing.insert(Thing(name="b", value=3))
    async with things.transaction():
        await Thing.update({Thing.value: 4}).where(Thing.name == "b")
    assert await Thing.select(Thing.name, Thing.value).order_by(Thing.name) == [
        {"name": "a", "value": 0},
        {"name": "b", "value": 4},
    ]
