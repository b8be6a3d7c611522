"""The keep-alive connections to one upstream: at most `max_connections`, handed out first come, first served to
at most `max_waiting`.

A slot is taken and given back synchronously, so a cancelled request can't strand one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections import deque
from urllib.parse import urlsplit

from fluxgate.proxy.breaker import Breaker
from fluxgate.proxy.budget import RetryBudget
from fluxgate.proxy.failures import ConnectError, ConnectTimeout, PoolTimeout, UnhealthyError, UpstreamError
from fluxgate.proxy.http1 import UpstreamConnection
from fluxgate.proxy.route import TLSOptions, Upstream


class Pool:
    """Connections to `upstream`. Bound to the event loop of its first `acquire()`."""

    def __init__(self, upstream: Upstream) -> None:
        url = urlsplit(upstream.url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError(f"upstream {upstream.name!r}: {upstream.url!r} is not an http:// or https:// URL")
        if url.query or url.fragment or url.username or url.password:
            raise ValueError(f"upstream {upstream.name!r}: the URL must have no query, fragment or credentials")
        self.upstream = upstream
        self._host = url.hostname
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._ssl = _tls_context(upstream.tls) if url.scheme == "https" else None
        self._server_name = (upstream.tls.server_name or url.hostname) if self._ssl is not None else None
        self.base_path = url.path.rstrip("/").encode("ascii")
        self.host_header = (upstream.host_header or url.netloc).encode("ascii")
        self._idle: deque[UpstreamConnection] = deque()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._in_use: set[UpstreamConnection] = set()
        self._apart: set[UpstreamConnection] = set()
        self._connecting = 0
        self.closed = False
        self.is_down = False
        """Whether the upstream's probe says so."""
        self.breaker = Breaker(upstream.name, upstream.breaker)
        self.retries = RetryBudget()

    @property
    def in_use(self) -> int:
        """Connections that something is under way on, an attempt to connect included."""
        return self._taken + len(self._apart)

    @property
    def _taken(self) -> int:
        """Slots."""
        return len(self._in_use) + self._connecting

    @property
    def idle(self) -> int:
        """Connections kept alive for the next request."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return len(self._waiters)

    def admit(self) -> int:
        """To be called before each exchange: a ticket, with which the breaker is told after it how it went. Raises
        UnhealthyError."""
        if self.is_down:
            interval = self.upstream.probe.interval if self.upstream.probe else 1
            raise UnhealthyError("its probe says that it is down", retry_after=math.ceil(interval))
        return self.breaker.admit()

    def succeeded(self, ticket: int, status: int) -> None:
        """The upstream answered with this status."""
        policy = self.upstream.breaker
        if policy is not None and status in policy.statuses:
            self.breaker.failed(ticket)
        else:
            self.breaker.succeeded(ticket)

    def failed(self, ticket: int, error: UpstreamError) -> None:
        """The exchange failed. What was never asked doesn't count."""
        if isinstance(error, PoolTimeout):
            self.breaker.abandoned(ticket)
        else:
            self.breaker.failed(ticket)

    async def acquire(self, *, fresh: bool = False) -> UpstreamConnection:
        """A connection; `fresh`: a new one. Raises ConnectError, ConnectTimeout, PoolTimeout."""
        if self.closed:
            raise ConnectError("the pool is closed")
        if self._taken >= self.upstream.max_connections or self._waiters:
            await self._wait_for_slot()
        elif not fresh and (kept := self._take_idle()) is not None:
            self._in_use.add(kept)
            return kept
        else:
            self._connecting += 1
        # From here on one slot is ours, counted in `_connecting`.
        try:
            connection = None if fresh else self._take_idle()
            if connection is None:
                connection = await self._connect()
        except BaseException:
            self._connecting -= 1
            self._wake_next()
            raise
        self._connecting -= 1
        self._in_use.add(connection)
        return connection

    async def connect_apart(self) -> UpstreamConnection:
        """A new connection that takes no slot, for what keeps it long: whoever asks bounds how many there are. Raises
        ConnectError, ConnectTimeout."""
        if self.closed:
            raise ConnectError("the pool is closed")
        connection = await self._connect()
        self._apart.add(connection)
        return connection

    def release(self, connection: UpstreamConnection, *, reusable: bool) -> None:
        """Give the slot back; a connection that isn't reusable, or has no slot, is dropped. A second call does
        nothing."""
        if connection not in self._in_use:
            if connection in self._apart:
                self._apart.discard(connection)
                connection.abort()
            return
        self._in_use.discard(connection)
        if reusable and not self.closed:
            loop = asyncio.get_running_loop()
            connection.idle_since = loop.time()
            self._idle.append(connection)
            if self._sweeper is None:
                self._sweeper = loop.call_later(self.upstream.keepalive, self._sweep)
        else:
            connection.abort()
        self._wake_next()

    def close(self) -> None:
        """Drop every connection, those in use too."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in (*self._idle, *self._in_use, *self._apart):
            connection.abort()
        self._idle.clear()
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(ConnectError("the pool is closed"))

    def _take_idle(self) -> UpstreamConnection | None:
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.lost:
                return connection
        return None

    async def _wait_for_slot(self) -> None:
        """Return with one slot counted in `_connecting`, which whoever gave it up has counted for us."""
        if len(self._waiters) >= self.upstream.max_waiting:
            raise PoolTimeout("every connection is busy, and enough requests wait for one")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(self.upstream.pool_timeout):
                await waiter
        except ConnectError:
            raise
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._connecting -= 1
                self._wake_next()
            else:
                with contextlib.suppress(ValueError):  # `_wake_next` may have passed over it already
                    self._waiters.remove(waiter)
            if isinstance(error, TimeoutError):
                raise PoolTimeout("every connection is busy") from None
            raise

    def _wake_next(self) -> None:
        while self._waiters and self._taken < self.upstream.max_connections:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self._connecting += 1
                waiter.set_result(None)

    async def _connect(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        if self._idle and len(self._idle) + self._taken > self.upstream.max_connections:
            self._idle.popleft().abort()
        try:
            async with asyncio.timeout(self.upstream.connect_timeout):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(loop),
                    self._host,
                    self._port,
                    ssl=self._ssl,
                    server_hostname=self._server_name,
                )
        except TimeoutError:
            raise ConnectTimeout("no connection in time") from None
        except (OSError, ssl.SSLError, ssl.CertificateError, UnicodeError) as error:
            raise ConnectError(str(error)) from error
        if self.closed:
            connection.abort()
            raise ConnectError("the pool is closed")
        return connection

    def _sweep(self) -> None:
        self._sweeper = None
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self.upstream.keepalive
        while self._idle and (self._idle[0].lost or self._idle[0].idle_since <= oldest):
            self._idle.popleft().abort()
        if self._idle:
            self._sweeper = loop.call_at(self._idle[0].idle_since + self.upstream.keepalive, self._sweep)


def _tls_context(options: TLSOptions) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(options.ca_file) if options.ca_file else None)
    if options.cert_file is not None:
        context.load_cert_chain(str(options.cert_file), str(options.key_file) if options.key_file else None)
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
