"""Piccolo's two engines, mended for a gateway: constructing opens nothing, and every connection is given back.

Piccolo's PostgreSQL engine connects when it is constructed. Its SQLite engine opens a connection, with a thread of
its own, for every query. And on both, a transaction that can't begin, can't commit or is cancelled while it ends
keeps its connection for ever: on SQLite with the write lock, and with a thread that keeps the process from exiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any

import aiosqlite
import asyncpg  # type: ignore[import-untyped]
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction
from piccolo.engine.sqlite import SQLiteEngine, SQLiteTransaction, TransactionType, dict_factory
from piccolo.table import Table

from fluxgate.errors import SettingsError

__all__ = ["LazyPostgresEngine", "PooledSqliteEngine"]

MINIMUM_SQLITE = (3, 35)  # RETURNING
MINIMUM_POSTGRES = 13  # gen_random_uuid() without an extension
SQLITE_BUSY_SECONDS = 5.0
POSTGRES_STATEMENT_SECONDS = 60.0


class PooledSqliteEngine(SQLiteEngine):
    """SQLite with idle connections kept between `open_pool` and `close_pool`.

    Each has foreign keys on, waits `busy` seconds for a lock, and has a daemon thread: one that got lost can't keep
    the process.
    """

    def __init__(self, path: str, *, max_idle: int = 0, busy: float = SQLITE_BUSY_SECONDS) -> None:
        super().__init__(path=path, timeout=busy)
        self._max_idle = max_idle
        self._idle: list[aiosqlite.Connection] | None = None
        # SQLite's own wait for its lock is polling, and not fair: within the process writers queue up instead
        self._writers: asyncio.Lock | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def open_pool(self) -> None:
        """Make the folder, switch the file to WAL, and keep connections from now on."""
        if self._idle is not None:
            return
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            raise SettingsError(f"SQLite {sqlite3.sqlite_version} is too old, 3.35 is needed", key="database.url")
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        connection = await self.get_connection()
        try:
            # a property of the file, for good: readers don't wait for the writer
            await connection.execute_fetchall("PRAGMA journal_mode = WAL")
        except BaseException:
            self.discard(connection)
            raise
        self._idle = [connection]
        self._writers = asyncio.Lock()

    async def close_pool(self) -> None:
        """Close the idle connections, and wait for those on their way out."""
        idle, self._idle = self._idle or [], None
        self._writers = None
        for connection in idle:
            self.discard(connection)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def get_connection(self) -> aiosqlite.Connection:
        """An idle connection or a new one, to be given to `release` or `discard`."""
        if self._idle:
            return self._idle.pop()
        connection = aiosqlite.connect(**self.connection_kwargs)
        connection._thread.daemon = True
        await connection
        try:
            connection.row_factory = dict_factory  # type: ignore[assignment]
            await connection.execute_fetchall("PRAGMA foreign_keys = 1")
        except BaseException:
            self.discard(connection)
            raise
        return connection

    async def writers_turn(self) -> asyncio.Lock | None:
        """Wait for the other writers of this process, as long as for those of other processes (`TimeoutError`)."""
        writers = self._writers
        if writers is not None:
            async with asyncio.timeout(self.connection_kwargs["timeout"]):
                await writers.acquire()
        return writers

    async def release(self, connection: aiosqlite.Connection) -> None:
        """Give back a connection that nothing is open on."""
        if self._idle is not None and len(self._idle) < self._max_idle:
            self._idle.append(connection)
        else:
            await connection.close()

    def discard(self, connection: aiosqlite.Connection) -> None:
        """Close a connection in the background, where no cancellation reaches; rolls back what is open on it."""
        task = asyncio.get_running_loop().create_task(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _run_in_new_connection(
        self, query: str, args: list[Any] | None = None, query_type: str = "generic", table: type[Table] | None = None
    ) -> Any:
        connection = await self.get_connection()
        try:
            rows = await connection.execute_fetchall(query, args or [])
        except sqlite3.Error:
            await self.release(connection)
            raise
        except BaseException:  # cancelled: its thread may still be at it
            self.discard(connection)
            raise
        await self.release(connection)
        return rows

    async def _run_in_existing_connection(
        self,
        connection: aiosqlite.Connection,
        query: str,
        args: list[Any] | None = None,
        query_type: str = "generic",
        table: type[Table] | None = None,
    ) -> Any:
        return await connection.execute_fetchall(query, args or [])

    def transaction(
        self, transaction_type: TransactionType = TransactionType.immediate, allow_nested: bool = True
    ) -> SafeSqliteTransaction:
        """IMMEDIATE unless told otherwise, so that what was read can't change before it is written."""
        return SafeSqliteTransaction(self, transaction_type, allow_nested)


class SafeSqliteTransaction(SQLiteTransaction):
    """A transaction that gives its connection back however it ends."""

    engine: PooledSqliteEngine
    connection: aiosqlite.Connection

    async def __aenter__(self) -> SQLiteTransaction:
        if self._parent is not None:
            return self._parent
        self._turn = await self.engine.writers_turn()
        try:
            self.connection = await self.engine.get_connection()
            try:
                await self.begin()  # type: ignore[no-untyped-call]
            except BaseException:
                self.engine.discard(self.connection)
                raise
        except BaseException:
            self._end_turn()
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._parent:
            return exception is None
        self.engine.current_transaction.reset(self.context)
        if exception is not None and not isinstance(exception, Exception):
            # cancelled, perhaps in the middle of a statement: closing rolls back
            self.engine.discard(self.connection)
            self._end_turn()
            return False
        try:
            if not self._committed and not self._rolled_back:
                await (self.commit() if exception is None else self.rollback())  # type: ignore[no-untyped-call]
        except BaseException:
            self.engine.discard(self.connection)
            raise
        finally:
            self._end_turn()
        await self.engine.release(self.connection)
        return exception is None

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.release()


class LazyPostgresEngine(PostgresEngine):
    """PostgreSQL, connected to when the pool is opened or a query needs it, not before."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._background: set[asyncio.Task[None]] = set()

    async def check_version(self) -> None:
        """Nothing yet: `open_pool` does it."""

    async def prep_database(self) -> None:
        """Nothing: no extension is needed."""

    async def open_pool(self, size: int, timeout: float) -> None:
        """Connect within `timeout` seconds, check the server's version, and keep up to `size` connections."""
        if self.pool is not None:
            return
        async with asyncio.timeout(timeout):
            pool = await asyncpg.create_pool(
                **self.config, min_size=1, max_size=size, command_timeout=POSTGRES_STATEMENT_SECONDS
            )
        async with pool.acquire() as connection:
            version = connection.get_server_version()
        if version.major < MINIMUM_POSTGRES:
            await pool.close()
            raise SettingsError(
                f"PostgreSQL {version.major} is too old, {MINIMUM_POSTGRES} is needed", key="database.url"
            )
        self.pool = pool

    async def close_pool(self) -> None:
        """Close the pool; connections that are still busy after 5 s are cut."""
        pool, self.pool = self.pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(5):
                await asyncio.gather(*self._background)
                await pool.close()
        except TimeoutError:
            pool.terminate()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` where no cancellation reaches it."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def transaction(self, allow_nested: bool = True) -> SafePostgresTransaction:
        """A transaction on a pooled connection, or on one of its own when there is no pool."""
        return SafePostgresTransaction(self, allow_nested)


class SafePostgresTransaction(PostgresTransaction):
    """A transaction that gives its connection back however it ends."""

    engine: LazyPostgresEngine

    async def __aenter__(self) -> PostgresTransaction:
        if self._parent is not None:
            return self._parent
        # the pool may be closed and replaced meanwhile: the connection goes back where it came from
        self.pool = self.engine.pool
        self.connection = await self.get_connection()  # type: ignore[no-untyped-call]
        self.transaction = self.connection.transaction()
        try:
            await self.begin()  # type: ignore[no-untyped-call]
        except BaseException:
            self.engine.in_background(self._abandon())
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._parent:
            return exception is None
        self.engine.current_transaction.reset(self.context)
        if exception is not None and not isinstance(exception, Exception):
            # cancelled, and about to be again if we waited here
            self.engine.in_background(self._abandon())
            return False
        try:
            if not self._committed and not self._rolled_back and not self.connection.is_closed():
                await (self.commit() if exception is None else self.rollback())  # type: ignore[no-untyped-call]
            elif exception is None and self.connection.is_closed():
                raise ConnectionError("the connection was lost before the commit")
        except BaseException:
            self.engine.in_background(self._abandon())
            raise
        await self._give_back()
        return exception is None

    async def _abandon(self) -> None:
        """Give back a connection of which only its being in a transaction is sure."""
        try:
            await self.rollback()  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is of no more use
            with contextlib.suppress(asyncpg.InterfaceError):  # lost, and the pool knows
                self.connection.terminate()
        await self._give_back()

    async def _give_back(self) -> None:
        if self.pool is not None:
            await self.pool.release(self.connection)
        else:
            await self.connection.close()
