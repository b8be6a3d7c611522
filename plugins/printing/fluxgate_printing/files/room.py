"""Whether there is room for an upload: on the disk, in the store's quota, in its caller's.

Uploads under way have their share set aside, so that several at once don't fill together what each of them alone would
fit into. What one takes is what its Content-Length says, or, where it says nothing, what has come so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from fluxgate.errors import PayloadTooLargeError, ProblemError
from fluxgate.types import Message, RawHeaders, Receive
from fluxgate_printing.files.catalog import FileRepository
from fluxgate_printing.files.store import FileStore
from fluxgate_printing.settings import FileSettings

__all__ = ["Room", "Share", "Space"]

STEP = 8 * 1024 * 1024
"""Bytes of an upload after which is looked again whether there still is room."""
_FRAMING = 4096
"""Bytes of a form that may be around the files: what has come whole is counted without them."""


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes: `free` is what the caller may still upload, `total` what the store can have, `used` what it has. `quota`:
    the caller's own, of which `mine` are used; None and 0 without one."""

    free: int
    total: int
    used: int
    mine: int
    quota: int | None


class Share:
    """What is set aside for one upload."""

    def __init__(self, room: Room, user: str, announced: int) -> None:
        self.user = user
        self.announced = announced
        self.received = 0
        self._room = room
        self._look_at = 0

    @property
    def bytes(self) -> int:
        """What the upload takes of quotas."""
        return max(self.announced - _FRAMING, self.received - _FRAMING, 0)

    @property
    def to_come(self) -> int:
        """What it will still take of the disk."""
        return max(self.announced - self.received, 0)

    def counting(self, receive: Receive) -> Receive:
        """`receive`, refusing when there is no room: before it is asked the first time, and now and then.

        Raises ProblemError 507 STORAGE_FULL, PayloadTooLargeError QUOTA_EXCEEDED.
        """

        async def counted() -> Message:
            if self.received >= self._look_at:
                await self._room.check(self)
                self._look_at = self.received + STEP
            message = await receive()
            self.received += len(message.get("body", b""))
            return message

        return counted

    @asynccontextmanager
    async def settled(self, size: int) -> AsyncIterator[None]:
        """All has come; the files, of so many bytes, become known within this. Raises as `counting`."""
        self.announced = self.received = size + _FRAMING
        async with self._room.exclusively(self):
            yield


class Room:
    """One per process. Shares of other processes on the same store aren't known; their files are."""

    def __init__(self, catalog: FileRepository, store: FileStore, settings: FileSettings) -> None:
        self._catalog = catalog
        self._store = store
        self._settings = settings
        self._shares: set[Share] = set()
        self._checking = asyncio.Lock()

    @asynccontextmanager
    async def shared(self, user: str, headers: RawHeaders) -> AsyncIterator[Share]:
        """A share of the room for one upload of this caller, given back at the end: by then its files are known, or
        gone."""
        share = Share(self, user, _announced(headers))
        try:
            yield share
        finally:
            self._shares.discard(share)

    async def check(self, share: Share) -> None:
        """Set the share aside, or raise if there is no room for it beside what is there and what others have set
        aside."""
        # One at a time: of two that fit one by one and not together, the first has the room.
        async with self._checking:
            await self._check(share)
            self._shares.add(share)

    @asynccontextmanager
    async def exclusively(self, share: Share) -> AsyncIterator[None]:
        """The same for the last time: what was set aside becomes files within this. Nobody is checked meanwhile, or it
        would be counted twice."""
        async with self._checking:
            await self._check(share)
            yield
            self._shares.discard(share)

    async def _check(self, share: Share) -> None:
        settings, others = self._settings, self._shares - {share}
        free = await self._store.free_bytes() - settings.min_free_bytes
        if share.to_come + sum(other.to_come for other in others) > free:
            raise _full(f"There is no room left: uploads leave {settings.min_free_bytes} bytes of the disk free.")
        if settings.quota_bytes is not None:
            used = await self._catalog.stored_bytes() + sum(other.bytes for other in others)
            if used + share.bytes > settings.quota_bytes:
                raise _full(f"There is no room left: {used} of the store's {settings.quota_bytes} bytes are used.")
        if settings.user_quota_bytes is not None:
            used = await self._catalog.bytes_of(share.user)
            used += sum(other.bytes for other in others if other.user == share.user)
            if used + share.bytes > settings.user_quota_bytes:
                raise PayloadTooLargeError(
                    f"You have {used} of your {settings.user_quota_bytes} bytes in use: delete files that you don't"
                    " need any more.",
                    code="QUOTA_EXCEEDED",
                    field="files",
                )

    async def space(self, user: str) -> Space:
        """What there is for this caller now."""
        settings = self._settings
        free, total = await self._store.disk()
        used, mine = await self._catalog.stored_bytes(), 0
        left = [free - settings.min_free_bytes]
        if settings.quota_bytes is not None:
            left.append(settings.quota_bytes - used)
            total = min(total, settings.quota_bytes)
        if settings.user_quota_bytes is not None:
            mine = await self._catalog.bytes_of(user)
            left.append(settings.user_quota_bytes - mine)
        return Space(free=max(0, min(left)), total=total, used=used, mine=mine, quota=settings.user_quota_bytes)


def _announced(headers: RawHeaders) -> int:
    for name, value in headers:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _full(message: str) -> ProblemError:
    return ProblemError(message, status=507, code="STORAGE_FULL", field="files")
