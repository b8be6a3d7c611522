"""Where uploaded files live: on disk, under the hash of their content, each content once.

What was checked is what is printed: a stored file never changes, and its name is its proof. A file appears whole or not
at all. Content that no row refers to any more is for the caller to `delete`; the store knows no names and no jobs.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from fluxgate.errors import NotFoundError
from fluxgate_printing.files.writer import StoredFile, StoreWriter

__all__ = ["FileStore", "StoredFile"]

STALE_AFTER = 3600.0
"""Seconds after which a temporary file that nobody writes to is taken for the leftover of a crash."""

_INCOMING = "incoming"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileStore:
    """A content-addressed store below `root`. Several processes may share it; the temporary files are in the same file
    system.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming = root / _INCOMING

    async def start(self) -> int:
        """Make the folders and sweep what crashed uploads left; answers how many leftovers went."""
        return await asyncio.to_thread(self._start)

    @asynccontextmanager
    async def writer(self, max_bytes: int) -> AsyncIterator[StoreWriter]:
        """A writer for one content of `max_bytes` at most. Leaving the block without a commit, in any way, leaves
        nothing.
        """
        writer = StoreWriter(self._incoming, self._place, max_bytes)
        try:
            await writer.open()
            yield writer
        finally:
            await writer.aclose()

    async def commit_all(self, writers: Sequence[StoreWriter]) -> list[StoredFile]:
        """Commit several contents together: all are safely on disk before the first one appears.

        Raises as `StoreWriter.commit`. Finishes even when the caller is cancelled.
        """
        await asyncio.gather(*(writer.prepare() for writer in writers))
        publish = asyncio.get_running_loop().run_in_executor(None, lambda: [writer.publish() for writer in writers])
        return await asyncio.shield(publish)

    def path(self, sha256: str) -> Path:
        """Where this content lies, or would lie. `ValueError` if it isn't a SHA-256 in lower-case hex."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError("not a SHA-256 in lower-case hex")
        return self._place(sha256)

    async def open(self, sha256: str) -> BinaryIO:
        """The content, opened for reading; `NotFoundError` if it isn't there."""
        path = self.path(sha256)
        try:
            return await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            raise NotFoundError("The file's content is gone.", code="FILE_NOT_FOUND") from None

    async def delete(self, sha256: str) -> bool:
        """Remove this content; False if it wasn't there. Readers that have it open keep it."""
        return await asyncio.to_thread(_unlink, self.path(sha256))

    async def free_bytes(self) -> int:
        """How much the file system has left for this user."""
        return (await self.disk())[0]

    async def disk(self) -> tuple[int, int]:
        """How much the file system has left for this user, and how large it is."""
        return await asyncio.to_thread(self._disk)

    def _place(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256[2:]

    def _start(self) -> int:
        self._incoming.mkdir(parents=True, exist_ok=True)
        horizon = time.time() - STALE_AFTER
        swept = 0
        for leftover in self._incoming.iterdir():
            try:
                if leftover.stat().st_mtime < horizon:
                    leftover.unlink()
                    swept += 1
            except FileNotFoundError:  # another process swept it, or finished it
                continue
        return swept

    def _disk(self) -> tuple[int, int]:
        existing = self.root
        while not existing.exists():
            existing = existing.parent
        usage = shutil.disk_usage(existing)
        return usage.free, usage.total


def _unlink(path: Path) -> bool:
    try:
        os.unlink(path)  # noqa: PTH108 - Path.unlink(missing_ok=True) doesn't say whether it was there
    except FileNotFoundError:
        return False
    return True
