"""Writes records for many requests at once: those that come while a transaction runs go together into the next one.

So a hundred concurrent changes cost a few commits, and a single one waits for nothing but its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence

import msgspec

from fluxgate.audit.chain import append
from fluxgate.audit.record import NOT_MADE, AuditRecord, now
from fluxgate.db import UniqueViolationError
from fluxgate.errors import UnavailableError
from fluxgate.store import Store

__all__ = ["AuditWriter"]

logger = logging.getLogger("fluxgate.audit")

BATCH = 500
MOST_WAITING = 20_000
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


class _Waiting:
    """A record on its way. `future`: who waits for it; `given_up`: who did and doesn't any more; `durable`: it is
    tried again until it is written."""

    __slots__ = ("durable", "future", "given_up", "record")

    def __init__(self, record: AuditRecord, future: asyncio.Future[AuditRecord] | None, *, durable: bool) -> None:
        self.record = record
        self.future = future
        self.durable = durable
        self.given_up = False


class AuditWriter:
    """The only one in this process that appends while the gateway runs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="audit writer")

    async def stop(self, timeout: float) -> None:
        """Write what waits, for `timeout` seconds; what couldn't be written by then is logged whole."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        self._task.cancel()
        await asyncio.wait({self._task})
        self._task = None
        for waiting in self._queue:
            if waiting.durable:
                self._lost(waiting)
        self._queue.clear()

    async def write(self, record: AuditRecord, timeout: float) -> AuditRecord:
        """The record once it is committed. Whoever stops waiting for it (an error, a cancellation) leaves no open
        intent behind: if it is written even so, so is that nothing came of it.

        Raises:
            UnavailableError: it can't be written, or wasn't in time.
        """
        if self._task is None or len(self._queue) >= MOST_WAITING:
            raise _unavailable()
        waiting = _Waiting(record, asyncio.get_running_loop().create_future(), durable=False)
        self._put(waiting)
        assert waiting.future is not None
        try:
            async with asyncio.timeout(timeout):
                return await waiting.future
        except TimeoutError:
            self._give_up(waiting)
            logger.error("the record of %s couldn't be written in %g s; the change is refused", record.action, timeout)
            raise _unavailable() from None
        except asyncio.CancelledError:
            self._give_up(waiting)
            raise

    def write_later(self, record: AuditRecord, *, durable: bool = True) -> bool:
        """Write it with the next ones. `durable`: and if that fails, again until it succeeds; else only if it can be
        written now, and False if it can't."""
        if not durable and (self._failing or not self._store.is_ready or len(self._queue) >= MOST_WAITING):
            return False
        self._put(_Waiting(record, None, durable=durable))
        return True

    # -- the task

    def _put(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._idle.clear()
        self._wake.set()

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                try:
                    left = await self._write(batch)
                except asyncio.CancelledError:
                    # it may have been committed or not: an outcome that is written twice, the table refuses
                    self._queue.extendleft(reversed([one for one in batch if one.durable]))
                    raise
                if not left:
                    pause = _FIRST_PAUSE
                    self._failing = False
                    continue
                self._failing = True
                self._queue.extendleft(reversed(left))
                # A new change asks at once; what has to be tried again waits.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                self._wake.clear()
                pause = min(pause * 2, _LONGEST_PAUSE)
            self._idle.set()

    async def _write(self, batch: Sequence[_Waiting]) -> list[_Waiting]:
        """What of it has to be tried again."""
        try:
            written = await append(self._store.require(), [one.record for one in batch])
        except UnavailableError as error:
            return self._failed(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever the database has against one of them
            if len(batch) > 1:
                return [again for one in batch for again in await self._write([one])]
            if not (isinstance(error, UniqueViolationError) and batch[0].record.kind == "outcome"):
                logger.error("an audit record is not taken by the database: %s: %s", type(error).__name__, error)
                self._failed(batch, error)
                if batch[0].durable:
                    self._lost(batch[0])
            return []
        for one, record in zip(batch, written, strict=True):
            if one.given_up:
                self.write_later(_not_made(record))
            elif one.future is not None and not one.future.done():
                one.future.set_result(record)
        return []

    def _failed(self, batch: Sequence[_Waiting], error: Exception) -> list[_Waiting]:
        if not self._failing:
            logger.error("the audit trail can't be written, changes are refused: %s", error)
        for one in batch:
            if one.future is not None and not one.future.done():
                one.future.set_exception(_unavailable())
        return [one for one in batch if one.durable]

    def _give_up(self, waiting: _Waiting) -> None:
        waiting.given_up = True
        future = waiting.future
        if waiting in self._queue:
            self._queue.remove(waiting)
        elif future is not None and future.done() and not future.cancelled() and future.exception() is None:
            self.write_later(_not_made(future.result()))

    def _lost(self, waiting: _Waiting) -> None:
        logger.critical("lost from the audit trail: %s", msgspec.json.encode(waiting.record).decode())


def _not_made(intent: AuditRecord) -> AuditRecord:
    return AuditRecord(
        kind="outcome", at=now(), change=intent.seq, request_id=intent.request_id, result="denied", code=NOT_MADE
    )


def _unavailable() -> UnavailableError:
    return UnavailableError(
        "Nothing was changed: changes are recorded, and the record can't be written now.", code=NOT_MADE, retry_after=2
    )
