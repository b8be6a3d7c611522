"""The database: made from a URL, started and stopped with the gateway, asked through `fetch` and `transaction`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg  # type: ignore[import-untyped]
from piccolo.querystring import QueryString
from piccolo.table import Table

from fluxgate.engines import LazyPostgresEngine, PooledSqliteEngine
from fluxgate.errors import FluxgateError, SettingsError, UnavailableError

__all__ = ["Database", "Dialect", "Engine", "Row", "UniqueViolationError"]

Dialect = Literal["sqlite", "postgres"]
Engine = PooledSqliteEngine | LazyPostgresEngine
Row = dict[str, Any]

KEY = "database.url"
UNAVAILABLE = "DATABASE_UNAVAILABLE"
EXAMPLE_POSTGRES = "postgresql://user:password@host:5432/database"

_SQLITE_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
_POSTGRES_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,  # a pooled connection that the server had cut
)


class UniqueViolationError(FluxgateError):
    """A row with this key is there already. `constraint`: the index's name (PostgreSQL) or `table.column` (SQLite)."""

    def __init__(self, constraint: str) -> None:
        super().__init__(f"unique constraint violated: {constraint}")
        self.constraint = constraint


class Database:
    """One database. Constructing it opens nothing; `start` before the first query, `stop` after the last.

    `dialect` is `sqlite` or `postgres`, `engine` Piccolo's engine, `url_safe` the URL without its password.
    """

    def __init__(self, url: str, *, pool_size: int = 10, connect_timeout: float = 5.0) -> None:
        scheme = url.partition(":")[0].lower()
        self.engine: Engine
        self.dialect: Dialect
        if scheme == "sqlite":
            path = _sqlite_path(url)
            self.dialect, self.url_safe = "sqlite", f"sqlite:///{path}"
            self.engine = PooledSqliteEngine(path, max_idle=pool_size)
        elif scheme in {"postgresql", "postgres"}:
            self.dialect, self.url_safe = "postgres", _check_postgres(url)
            self.engine = LazyPostgresEngine({"dsn": url, "timeout": connect_timeout})
        else:
            raise SettingsError(f"a database URL begins with sqlite:/// or is like {EXAMPLE_POSTGRES}", key=KEY)
        self._url = url
        self.pool_size = pool_size
        self.connect_timeout = connect_timeout

    def __repr__(self) -> str:
        return f"Database({self.url_safe!r})"

    @classmethod
    def from_url(cls, url: str, *, pool_size: int = 10, connect_timeout: float = 5.0) -> Database:
        """`sqlite:///relative/path`, `sqlite:////absolute/path`, `postgresql://user:password@host:port/database?sslmode=…`.

        `connect_timeout` in seconds.

        Raises:
            SettingsError: what is wrong with the URL; its text never holds the password.
        """
        return cls(url, pool_size=pool_size, connect_timeout=connect_timeout)

    def unpooled_engine(self, *, busy: float) -> Engine:
        """Another engine on the same database: a connection for each transaction, no limit on a statement's time.

        `busy`: seconds that SQLite waits for its lock.
        """
        if isinstance(self.engine, PooledSqliteEngine):
            return PooledSqliteEngine(self.engine.path, busy=busy)
        return LazyPostgresEngine(dict(self.engine.config))

    async def start(self) -> None:
        """Open the pool (PostgreSQL), or make the folder and switch the file to WAL (SQLite). Twice does no harm.

        Raises:
            UnavailableError: it can't be reached or opened; the code is DATABASE_UNAVAILABLE, the text is for the
            operator. SettingsError: the server or library is too old.
        """
        try:
            if isinstance(self.engine, PooledSqliteEngine):
                await self.engine.open_pool()
            else:
                await self.engine.open_pool(self.pool_size, self.connect_timeout)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, sqlite3.Error) as error:
            reason = str(error) or type(error).__name__
            raise UnavailableError(
                f"the database {self.url_safe} can't be opened: {reason}", code=UNAVAILABLE
            ) from error

    async def stop(self) -> None:
        """Close every connection. A second call does nothing."""
        await self.engine.close_pool()

    async def ping(self) -> None:
        """Ask the database for a sign of life, for `connect_timeout` seconds at most.

        Raises:
            UnavailableError: there was none.
        """
        try:
            async with asyncio.timeout(self.connect_timeout):
                await self.fetch("SELECT 1 AS one")
        except TimeoutError as error:
            raise UnavailableError("The database doesn't answer.", code=UNAVAILABLE) from error

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """Run one statement and return its rows, inside the current transaction if there is one.

        `{}` stands for each of `args`. Rows of a `RETURNING` come undecoded from SQLite: UUIDs and times are text
        there.

        Raises:
            UnavailableError: the database can't be reached, or stayed locked.
            UniqueViolationError: as named.
        """
        with _translated_errors():
            rows = await self.engine.run_querystring(QueryString(sql, *args))
        return [dict(row) for row in rows]

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """A transaction: committed at the end, rolled back on any error or cancellation. Nested, it is part of the
        outermost.

        On SQLite it takes the write lock at once (IMMEDIATE), so what was read can't change before it is written. It
        belongs to the current task: tasks made inside it must not query.
        """
        return _Transaction(self.engine)

    def bind(self, tables: Iterable[type[Table]]) -> None:
        """Make Piccolo's queries on these tables use this database, with no `piccolo_conf` to be found."""
        for table in tables:
            table._meta.db = self.engine


class _Transaction(AbstractAsyncContextManager[None]):
    """Piccolo's transaction, raising the gateway's errors where it begins and ends and leaving the body's alone."""

    def __init__(self, engine: Engine) -> None:
        self._inner = engine.transaction()

    async def __aenter__(self) -> None:
        with _translated_errors():
            await self._inner.__aenter__()

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with _translated_errors():
            await self._inner.__aexit__(exception_type, exception, traceback)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Turn what the two drivers raise into the gateway's own errors, where it has one."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise UniqueViolationError(error.constraint_name or "") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code in {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}:
            raise UniqueViolationError(str(error).partition(": ")[2]) from error
        if code & 0xFF in _SQLITE_UNAVAILABLE:
            raise UnavailableError("The database can't be used now.", code=UNAVAILABLE) from error
        raise
    except _POSTGRES_UNAVAILABLE as error:
        raise UnavailableError("The database can't be reached.", code=UNAVAILABLE) from error


def _sqlite_path(url: str) -> str:
    rest = url.partition(":")[2]
    if not rest.startswith("///"):
        raise SettingsError(
            "sqlite:/// is followed by a relative path (sqlite:///data/fluxgate.sqlite) or by /absolute/path", key=KEY
        )
    path, _, options = rest[3:].partition("?")
    path = unquote(path)
    if options:
        raise SettingsError("a SQLite URL takes no options", key=KEY)
    if not path or path.endswith("/") or "\0" in path:
        raise SettingsError("the SQLite URL names no file", key=KEY)
    if path == ":memory:":
        raise SettingsError("SQLite can't be used in memory: each connection would see a database of its own", key=KEY)
    return path


def _check_postgres(url: str) -> str:
    """The URL without its password, if PostgreSQL's driver will take it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"bad host or port: a PostgreSQL URL is like {EXAMPLE_POSTGRES}", key=KEY) from error
    query = dict(parse_qsl(parts.query))
    if not parts.hostname and "host" not in query:
        raise SettingsError(f"no host: a PostgreSQL URL is like {EXAMPLE_POSTGRES}", key=KEY)
    if not parts.path.strip("/") and "dbname" not in query and "database" not in query:
        raise SettingsError(f"no database name: a PostgreSQL URL is like {EXAMPLE_POSTGRES}", key=KEY)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    user = parts.username or ""
    if parts.password is not None:
        user += ":***"
    netloc = (f"{user}@" if user else "") + host + (f":{port}" if port is not None else "")
    kept = "&".join(f"{key}={'***' if 'password' in key else value}" for key, value in query.items())
    return f"postgresql://{netloc}{parts.path}" + (f"?{kept}" if kept else "")
