"""One content on its way into the store: written and hashed off the event loop, in large batches, one batch behind the
caller.

While a batch is written the next one is received; there are never more than two, so memory is flat and a slow disk
slows the sender.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec

from fluxgate.errors import PayloadTooLargeError, ProblemError, UnprocessableError
from fluxgate_printing.durable import sync_directory

__all__ = ["StoreWriter", "StoredFile"]

T = TypeVar("T")

BATCH = 1024 * 1024
"""Bytes that go to a thread in one piece: large enough that the hand-over costs little beside the hashing."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StoredFile(msgspec.Struct, frozen=True):
    """Content in the store: its SHA-256 in lower-case hex, its size in bytes, and where it lies."""

    sha256: str
    size: int
    path: Path


class StoreWriter:
    """Made by `FileStore.writer`. `write`, then `commit` once; or `prepare` and, later, `publish` when several belong
    together.

    A full disk is a `ProblemError` 507 `STORAGE_FULL`, more than `max_bytes` `PayloadTooLargeError` `FILE_TOO_LARGE`,
    nothing at all `UnprocessableError` `FILE_EMPTY`.
    """

    def __init__(self, incoming: Path, place: Callable[[str], Path], max_bytes: int) -> None:
        self.size = 0
        self._incoming = incoming
        self._place = place
        self._max_bytes = max_bytes
        self._temporary = incoming / f"{uuid4().hex}.part"
        self._hash = hashlib.sha256()
        self._batch = bytearray()
        self._writing: asyncio.Future[None] | None = None
        self._fd: int | None = None
        self._disk = threading.Lock()
        self._target: Path | None = None
        self._published = False
        self._closed = False

    async def open(self) -> None:
        """Create the temporary file."""
        await _finish(self._create)

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; returns at once unless the disk is a whole batch behind."""
        self.size += len(chunk)
        if self.size > self._max_bytes:
            raise PayloadTooLargeError(
                f"The file is larger than the {self._max_bytes} bytes that are allowed.", code="FILE_TOO_LARGE"
            )
        self._batch += chunk
        if len(self._batch) >= BATCH:
            await self._flush()

    async def commit(self) -> StoredFile:
        """Make the content durable and let it appear. It is in the store once this returns."""
        await self.prepare()
        return await _finish(self.publish)

    async def prepare(self) -> None:
        """Write everything to the disk, with its folder made, so that only the rename is left."""
        if not self.size:
            raise UnprocessableError("The file is empty.", code="FILE_EMPTY")
        await self._flush()
        await self._settle()
        await _finish(self._sync)

    def publish(self) -> StoredFile:
        """Rename the prepared content into its place; blocks for one rename."""
        with self._disk, _Storage():
            if self._target is None:
                raise RuntimeError("publish() before prepare()")
            # Always replaces: content that is there already is the same, and a delete that races with us
            # can't win half.
            os.replace(self._temporary, self._target)  # noqa: PTH105
            self._published = True
            sync_directory(self._target.parent)
            return StoredFile(self._hash.hexdigest(), self.size, self._target)

    async def aclose(self) -> None:
        """Forget everything that wasn't published. Happens to the end, even if the caller is cancelled meanwhile."""
        self._batch.clear()
        await _finish(self._discard)

    async def _flush(self) -> None:
        if not self._batch:
            return
        await self._settle()
        batch, self._batch = self._batch, bytearray()
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._write_batch, batch)
        self._writing.add_done_callback(_retrieve)

    async def _settle(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)
            self._writing = None

    def _create(self) -> None:
        with self._disk, _Storage():
            if self._closed:
                return
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def _write_batch(self, batch: bytearray) -> None:
        with self._disk, _Storage():
            if self._fd is None:  # closed while this batch waited for a thread
                return
            self._hash.update(batch)
            _write_all(self._fd, batch)

    def _sync(self) -> None:
        with self._disk, _Storage():
            if self._fd is None:
                raise RuntimeError("the writer is closed")
            os.fsync(self._fd)
            target = self._place(self._hash.hexdigest())
            if not target.parent.is_dir():
                target.parent.mkdir(exist_ok=True)
                sync_directory(target.parent.parent)
            self._target = target

    def _discard(self) -> None:
        with self._disk:
            self._closed = True
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
            if not self._published:
                self._temporary.unlink(missing_ok=True)


class _Storage:
    """Turns a full disk into the problem it is for the client."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise ProblemError("There is no room left to store the file.", status=507, code="STORAGE_FULL") from error


async def _finish(work: Callable[[], T]) -> T:
    """Run `work` in a thread; a cancelled caller leaves at once, the work is done nevertheless."""
    return await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, work))


def _retrieve(writing: asyncio.Future[None]) -> None:
    """Mark the failure of a batch as seen: after an abort nobody asks for it."""
    if not writing.cancelled():
        writing.exception()


def _write_all(fd: int, batch: bytearray) -> None:
    view = memoryview(batch)
    while view:
        view = view[os.write(fd, view) :]
