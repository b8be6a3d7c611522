"""A proxy route whose answers are kept for a moment: one request to the upstream, however many ask at once.

Who asks while an answer is on its way waits for it; that somebody leaves matters to nobody else, as the request belongs
to no client. What turns out not to be cacheable is passed on as ever, and remembered to be for a while, so that nobody
waits for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Any

from fluxgate.errors import ProblemError, UnavailableError, UpstreamTimeoutError
from fluxgate.principal import ANONYMOUS, Principal
from fluxgate.proxy.caching import Entry, directives, make_entry, matches
from fluxgate.proxy.forward import Forwarder
from fluxgate.proxy.outcomes import ClientGone, ResponseBroken
from fluxgate.proxy.route import CachePolicy
from fluxgate.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send

__all__ = ["CachedForwarder", "Invalidating", "MicroCache"]

logger = logging.getLogger("fluxgate.proxy")

PASS_FOR = 5.0
"""Seconds for which what couldn't be kept isn't waited for together."""
_MOST_PASSES = 4096
_BYPASS = frozenset({b"range", b"if-range", b"if-match", b"if-unmodified-since", b"upgrade"})
_FAILED = 500

Key = tuple[object, ...]


class MicroCache:
    """Of one gateway: entries up to `most` bytes, the least recently used go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._size = 0
        self._generations: dict[tuple[str, str], int] = {}
        self._passes: OrderedDict[Key, float] = OrderedDict()
        self.flights: dict[Key, asyncio.Task[Entry | None]] = {}
        self.hits = self.misses = self.collapsed = self.stale = 0

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self._size

    def generation(self, plugin: str, upstream: str) -> int:
        """A part of every key: another one after each change at the upstream."""
        return self._generations.get((plugin, upstream), 0)

    def invalidate(self, plugin: str, upstream: str) -> None:
        """Something may have changed at the upstream: nothing that was kept of it is given again."""
        self._generations[plugin, upstream] = self.generation(plugin, upstream) + 1

    def get(self, key: Key) -> Entry | None:
        """What is kept, fresh or not."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, entry: Entry) -> None:
        """Keep it, unless it alone is more than may be kept."""
        self.drop(key)
        if entry.size > self._most:
            return
        self._entries[key] = entry
        self._size += entry.size
        while self._size > self._most:
            _, gone = self._entries.popitem(last=False)
            self._size -= gone.size

    def drop(self, key: Key) -> None:
        """Keep it no longer."""
        gone = self._entries.pop(key, None)
        if gone is not None:
            self._size -= gone.size

    def note_pass(self, key: Key, now: float) -> None:
        """What this key leads to can't be kept."""
        self._passes[key] = now + PASS_FOR
        if len(self._passes) > _MOST_PASSES:
            self._passes.popitem(last=False)

    def passes(self, key: Key, now: float) -> bool:
        """Whether that was found lately."""
        until = self._passes.get(key)
        return until is not None and now < until


class CachedForwarder:
    """An ASGI app: a route with a `CachePolicy`."""

    def __init__(self, forwarder: Forwarder, policy: CachePolicy, cache: MicroCache, plugin: str) -> None:
        self._forward = forwarder
        self._policy = policy
        self._cache = cache
        self._owner = (plugin, forwarder.pool.upstream.name)
        self._vary = tuple(sorted(name.lower().encode("ascii") for name in policy.vary))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is kept, or by asking."""
        headers: RawHeaders = scope["headers"]
        asked = directives(headers)
        names = {name for name, _ in headers}
        if scope["method"] not in {"GET", "HEAD"} or asked is None or b"no-store" in asked or names & _BYPASS:
            await self._forward(scope, receive, send)
            return
        now = time.monotonic()
        key = self._key(scope)
        if self._cache.passes(key, now):
            await self._forward(scope, receive, send)
            return
        entry = self._cache.get(key)
        fresh = entry is not None and now < entry.fresh_until and not _wants_news(asked)
        if entry is not None and fresh:
            self._cache.hits += 1
            await self._answer(scope, send, entry, b"hit")
            return
        found, how = await self._fetched(key, scope, entry, now)
        if found is None:
            await self._forward(scope, receive, send)
        else:
            await self._answer(scope, send, found, how)

    def _key(self, scope: Scope) -> Key:
        principal: Principal = scope.get("fluxgate.principal", ANONYMOUS)
        caller = None if self._policy.shared else self._who(principal)
        varied = tuple(
            b",".join(value for field, value in scope["headers"] if field.lower() == name) for name in self._vary
        )
        query: bytes = scope["query_string"] if self._forward.route.forward_query else b""
        return (id(self), self._cache.generation(*self._owner), scope["raw_path"], query, varied, caller)

    def _who(self, principal: Principal) -> object:
        if self._forward.route.headers.identity:
            return principal  # the upstream is told all of it, roles and scopes too
        return (principal.is_anonymous, principal.id)

    async def _fetched(self, key: Key, scope: Scope, entry: Entry | None, now: float) -> tuple[Entry | None, bytes]:
        """What the upstream says now, asked once for all who want to know; None: it can't be shared."""
        flight = self._cache.flights.get(key)
        how = b"fwd=miss; collapsed" if flight is not None else b"fwd=stale" if entry is not None else b"fwd=miss"
        if flight is None:
            self._cache.misses += 1
            flight = asyncio.create_task(self._fetch(key, scope, entry), name="cache")
            self._cache.flights[key] = flight
            flight.add_done_callback(lambda _: self._cache.flights.pop(key, None))
            flight.add_done_callback(_look)
        else:
            self._cache.collapsed += 1
        try:
            return await asyncio.shield(flight), how
        except (ProblemError, ResponseBroken) as error:
            if entry is not None and now < entry.stale_until and _is_failure(error):
                self._cache.stale += 1
                return entry, b"hit; detail=stale-if-error"
            if isinstance(error, ProblemError):
                raise error.with_traceback(None) from None
            raise UnavailableError("The service behind this route broke its answer off.") from None

    async def _fetch(self, key: Key, scope: Scope, entry: Entry | None) -> Entry | None:
        """Ask, on behalf of nobody in particular. Raises what a forwarded request raises; None: not to be kept."""
        fields = [field for field in scope["headers"] if self._is_forwarded(field[0].lower())]
        if entry is not None and entry.validated:
            fields.append((b"if-none-match", entry.etag))
        asking: Scope = {**scope, "method": "GET", "headers": fields}
        for name in ("fluxgate.on_disconnect", "fluxgate.on_ending", "fluxgate.abort", "fluxgate.switch"):
            asking.pop(name, None)
        collected = _Collected(self._policy.max_entry)
        try:
            await self._forward(asking, _nothing_comes, collected.send)
        except ClientGone:
            return None
        except asyncio.CancelledError:
            if collected.too_large:
                self._cache.note_pass(key, time.monotonic())
                return None
            raise
        finally:
            scope["fluxgate.upstream"] = asking.get("fluxgate.upstream")
        now = time.monotonic()
        if collected.status == 304 and entry is not None:
            return self._renewed(key, entry, collected.headers, now)
        if collected.status >= _FAILED and entry is not None and now < entry.stale_until:
            self._cache.stale += 1
            return entry
        made = None
        if collected.status == 200 and not collected.too_large:
            made = make_entry(collected.headers, bytes(collected.body), self._policy, now)
        if made is None:
            self._cache.drop(key)
            self._cache.note_pass(key, now)
            return None
        self._cache.put(key, made)
        return made

    def _renewed(self, key: Key, entry: Entry, headers: RawHeaders, now: float) -> Entry | None:
        """A 304's fields over what was kept (RFC 9111 §3.2)."""
        names = {name.lower() for name, _ in headers}
        merged = [field for field in entry.headers if field[0].lower() not in names] + headers
        if b"etag" not in names:
            merged.append((b"etag", entry.etag))
        renewed = make_entry(merged, entry.body, self._policy, now)
        if renewed is None:
            self._cache.drop(key)
            return entry  # good for those who wait now
        self._cache.put(key, renewed)
        return renewed

    def _is_forwarded(self, name: bytes) -> bool:
        # No Host either: an answer that repeats X-Forwarded-Host would be one asker's gift to all.
        return name in self._vary

    async def _answer(self, scope: Scope, send: Send, entry: Entry, how: bytes) -> None:
        unchanged = matches(scope["headers"], entry.etag)
        age = int(entry.age + time.monotonic() - entry.stored_at)
        headers = [
            *entry.headers,
            (b"etag", entry.etag),
            (b"age", b"%d" % age),
            (b"cache-status", b"fluxgate; " + how),
        ]
        if unchanged:
            kept = {b"cache-control", b"etag", b"expires", b"vary", b"age", b"cache-status", b"content-location"}
            headers = [field for field in headers if field[0].lower() in kept]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        headers.append((b"content-length", b"%d" % len(entry.body)))
        body = b"" if scope["method"] == "HEAD" else entry.body
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


class Invalidating:
    """An ASGI app: a route that may change something at an upstream of which answers are kept."""

    def __init__(self, forward: ASGIApp, cache: MicroCache, plugin: str, upstream: str) -> None:
        self._forward = forward
        self._cache = cache
        self._owner = (plugin, upstream)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward; whatever came of it, the upstream may have changed before the client knows, and after."""
        safe = scope["method"] in {"GET", "HEAD", "OPTIONS"}
        if safe:
            await self._forward(scope, receive, send)
            return

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._cache.invalidate(*self._owner)
            await send(message)

        try:
            await self._forward(scope, receive, noted)
        finally:
            self._cache.invalidate(*self._owner)


class _Collected:
    """An answer as it comes, up to `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.status = 0
        self.headers: RawHeaders = []
        self.body = bytearray()
        self.too_large = False

    async def send(self, message: Message) -> None:
        """ASGI send."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
            return
        self.body += message.get("body", b"")
        if len(self.body) > self._most:
            self.too_large = True
            # There is no other way to have a forwarded request stop.
            raise asyncio.CancelledError


async def _nothing_comes() -> Message:
    nothing: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    return await nothing


def _wants_news(asked: dict[bytes, bytes]) -> bool:
    return b"no-cache" in asked or asked.get(b"max-age") == b"0"


def _is_failure(error: BaseException) -> bool:
    if isinstance(error, ProblemError):
        return error.problem_status >= _FAILED or isinstance(error, UpstreamTimeoutError)
    return True


def _look(flight: asyncio.Task[Any]) -> None:
    if not flight.cancelled():
        flight.exception()
