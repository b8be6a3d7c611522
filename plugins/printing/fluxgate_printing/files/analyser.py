"""Reads what stored files say of themselves, in the background: one file at a time, in a thread, with little of it in
memory at once. Nobody's upload waits for it, and none fails because of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from fluxgate_printing.files.analysis import VERSION, FileAnalysis
from fluxgate_printing.files.catalog import FileRecord, FileRepository
from fluxgate_printing.files.gcode_layers import MARK, count_layers
from fluxgate_printing.files.gcode_metadata import parse_metadata
from fluxgate_printing.files.store import FileStore
from fluxgate_printing.files.thumbnails import find_thumbnails

__all__ = ["HEAD", "TAIL", "Analyser", "analyse"]

log = logging.getLogger(__name__)

HEAD = 2 * 1024 * 1024
"""Bytes read from the beginning of a file: there are the pictures."""
TAIL = 512 * 1024
"""Bytes read from its end: there is the configuration."""

_TRY_AGAIN = 5.0
_BINARY = b"GCDE"


def analyse(path: Path) -> FileAnalysis:
    """All that the file at `path` says of itself; blocks. Only `OSError` is raised."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(HEAD)
        if head.startswith(_BINARY):
            return FileAnalysis(version=VERSION)
        file.seek(max(len(head), size - TAIL))
        tail = file.read(TAIL)
        found = parse_metadata(head, tail)
        if found.layer_count is None and (MARK in head or MARK in tail):
            layers, top = count_layers(file)
            found = msgspec.structs.replace(found, layer_count=layers, height=found.height or top)
        return msgspec.structs.replace(found, version=VERSION, thumbnails=find_thumbnails(head))


class Analyser:
    """One per process. Several processes on one database may read the same file, which does no harm."""

    def __init__(self, catalog: FileRepository, store: FileStore) -> None:
        self._catalog = catalog
        self._store = store
        self._wanted = asyncio.Event()
        self._progress = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read what hasn't been read yet, or by an older version; then what `wake` announces."""
        self._wanted.set()
        task = asyncio.create_task(self._work(), name="analysis of stored files")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def wake(self) -> None:
        """There is a new file."""
        self._wanted.set()

    async def analysed(self, file: FileRecord, timeout: float) -> FileRecord:
        """The file with its analysis, or as it is after `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        while file.known.version < VERSION:
            progress = self._progress
            file = await self._catalog.get(file.id) or file
            if file.known.version < VERSION:
                try:
                    async with asyncio.timeout_at(deadline):
                        await progress.wait()
                except TimeoutError:
                    break
        return file

    async def _work(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                # Newest first, and asked anew each time: what has just come is the most wanted.
                while file := await self._catalog.next_to_analyse(VERSION):
                    await self._catalog.set_analysis(file.id, (await self._analysis(file)).to_column())
                    progress, self._progress = self._progress, asyncio.Event()
                    progress.set()
            except Exception:
                log.exception("reading what stored files say of themselves failed")
                await asyncio.sleep(_TRY_AGAIN)
                self._wanted.set()

    async def _analysis(self, file: FileRecord) -> FileAnalysis:
        try:
            return await asyncio.to_thread(analyse, self._store.path(file.sha256))
        except OSError as error:
            log.warning("the content of %s can't be read: %s", file.id, error.strerror)
        except Exception:
            log.exception("what %s says of itself can't be read", file.id)  # nor would it be the next time
        return FileAnalysis(version=VERSION)
