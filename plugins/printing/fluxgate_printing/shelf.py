"""Files with their names: the catalog (rows) and the store (bytes) kept in step, so that no name lacks its content and
no content outlives its last use.

A row is written after its content, and content is removed after its last row, so a crash leaves at most content that
nothing refers to: the sweep finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from fluxgate.errors import NotFoundError, UnavailableError
from fluxgate_printing.files.analyser import Analyser
from fluxgate_printing.files.catalog import FileChoice, FileRecord, FileRepository
from fluxgate_printing.files.store import STALE_AFTER, FileStore
from fluxgate_printing.files.upload import UploadedFile
from fluxgate_printing.sight import Sight

__all__ = ["Shelf"]

log = logging.getLogger(__name__)

SWEEP_EVERY = 3600.0
SOON = 1.0
_PLACE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}")


class Shelf:
    """One per process. Methods raise UnavailableError when the database or the disk doesn't answer."""

    def __init__(self, catalog: FileRepository, store: FileStore) -> None:
        self._catalog = catalog
        self._analyser = Analyser(catalog, store)
        self.store = store
        # no content is removed between the writing of its row and the proof that the content is there
        self._changing = asyncio.Lock()
        self._doubtful: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweep now and then, and read what the files say of themselves."""
        await self.store.start()
        task = asyncio.create_task(self._sweep_now_and_then(), name="sweep of stored files")
        try:
            async with self._analyser.running():
                yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def choose(self, choice: FileChoice, sight: Sight) -> tuple[Sequence[FileRecord], int]:
        """The present files within `sight` that are asked for, and how many there are in all."""
        return await self._catalog.choose(choice, sight)

    async def find(self, name: str, sight: Sight) -> FileRecord:
        """The file of this name; NotFoundError FILE_NOT_FOUND, also if it isn't within `sight`."""
        file = await self._catalog.get_by_name(name, sight)
        if file is None:
            raise NotFoundError(f"There is no file {name!r}.", code="FILE_NOT_FOUND", field="filename")
        return file

    async def has(self, name: str, sight: Sight) -> bool:
        """Whether there is such a file within `sight`."""
        return await self._catalog.get_by_name(name, sight) is not None

    async def of_project(self, project_id: UUID, sight: Sight) -> list[FileRecord]:
        """A project's present files within `sight`, latest first."""
        return await self._catalog.of_project(project_id, sight)

    async def link(self, name: str, project_id: UUID) -> tuple[FileRecord, bool]:
        """See `FileRepository.link`."""
        return await self._catalog.link(name, project_id)

    async def unlink(self, name: str, project_id: UUID) -> tuple[FileRecord, bool]:
        """See `FileRepository.unlink`."""
        return await self._catalog.unlink(name, project_id)

    async def analysed(self, file: FileRecord) -> FileRecord:
        """The file with its analysis, if that comes soon."""
        return await self._analyser.analysed(file, SOON)

    async def put(
        self, files: Iterable[UploadedFile], sight: Sight, *, by: str | None, project_id: UUID | None = None
    ) -> None:
        """Give stored contents their names, as files of the caller `by`. ConflictError FILE_NAME_TAKEN for a name that
        somebody else has, whose file isn't within `sight`."""
        files = tuple(files)
        for file in files:
            await self._catalog.check_free(file.name, sight)
        for file in files:
            await self._put(file, sight, by, project_id)
        self._analyser.wake()

    async def discard(self, files: Iterable[UploadedFile]) -> None:
        """Remove stored contents that got no name; one that something else needs stays."""
        for file in files:
            await self._forget(file.sha256)

    async def delete(
        self, name: str, sight: Sight, release: Callable[[FileRecord], Awaitable[None]] | None = None
    ) -> bool:
        """Remove a file, and its content if nothing else has it; False if it wasn't there, or not within `sight`.
        `release`: asked first, to end the jobs that need it. ConflictError FILE_IN_USE."""
        gone = await self._catalog.remove(name, sight, release)
        if gone is None:
            return False
        await self._forget(gone.sha256)
        return True

    async def job_ended(self, file_id: UUID | None) -> None:
        """A job needs this version no more: if its name has another one or is gone, its content goes. Never raises."""
        try:
            file = None if file_id is None else await self._catalog.get(file_id)
        except UnavailableError as error:
            log.warning("the file of a job that ended is left to the next sweep (%s)", error)
            return
        if file is not None and file.deleted_at is not None:
            await self._forget(file.sha256)

    async def sweep(self, older_than: float = STALE_AFTER) -> int:
        """Remove contents older than so many seconds that nothing needs; how many."""
        swept = 0
        for sha256 in await asyncio.to_thread(self._contents, time.time() - older_than):
            swept += await self._forget(sha256)
        return swept

    async def _put(self, file: UploadedFile, sight: Sight, by: str | None, project_id: UUID | None) -> None:
        before = await self._catalog.get_by_name(file.name)
        async with self._changing:
            await self._catalog.add(
                name=file.name,
                sha256=file.sha256,
                size=file.size,
                uploaded_by=by,
                project_id=project_id,
                sight=sight,
            )
            if not await asyncio.to_thread(self.store.path(file.sha256).exists):
                await self._catalog.remove(file.name)
                raise UnavailableError("The file was removed while it was stored. Try again.", retry_after=1)
        if before is not None and before.sha256 != file.sha256:
            await self._forget(before.sha256)
        for sha256 in tuple(self._doubtful):
            await self._forget(sha256)

    async def _forget(self, sha256: str) -> bool:
        """Remove a content unless it is needed. When that can't be told now, it is asked again later."""
        self._doubtful.add(sha256)
        try:
            async with self._changing:
                gone = not await self._catalog.is_needed(sha256) and await self.store.delete(sha256)
        except (UnavailableError, OSError) as error:
            log.warning("a stored file may be needed no more; it is looked at again later (%s)", error)
            return False
        self._doubtful.discard(sha256)
        return gone

    async def _sweep_now_and_then(self) -> None:
        while True:
            try:
                swept = await self.sweep()
            except Exception:
                log.exception("sweeping the stored files failed")
            else:
                if swept:
                    log.info("%d stored files that nothing needed were removed", swept)
            await asyncio.sleep(SWEEP_EVERY)

    def _contents(self, horizon: float) -> list[str]:
        found: list[str] = []
        for path in self.store.root.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                place = path.relative_to(self.store.root).as_posix()
                if _PLACE.fullmatch(place) and path.stat().st_mtime < horizon:
                    found.append(place.replace("/", ""))
        return found
