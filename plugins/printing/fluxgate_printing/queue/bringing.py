"""A claimed job's way to the printer, up to the answer to the start command. How each step ends says what may follow.

Split from the lane so that it shows: there is one `driver.start` in the plugin, and one way to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from fluxgate.errors import ProblemError
from fluxgate_printing.printers.base import PrinterError, PrinterOutcomeUnknown
from fluxgate_printing.printers.supervisor import Supervisor
from fluxgate_printing.queue.judging import Ended, Held, Lost, at_end_of
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.refusals import check_ready
from fluxgate_printing.queue.repository import JobRepository

__all__ = ["Bringer", "Content", "NotStarted", "Settled", "Started", "Step"]

log = logging.getLogger(__name__)

Content = Callable[[JobRecord], Awaitable[Path]]
"""Where the bytes of a job's file are; FileNotFoundError when they are gone."""


class Started(msgspec.Struct, frozen=True):
    """The printer took the start command."""


class NotStarted(msgspec.Struct, frozen=True):
    """The start command never left, or was refused: the job may go back into the queue."""

    reason: str


class Settled(msgspec.Struct, frozen=True):
    """Somebody else settled the job before its start: it isn't ours any more."""


Step = Started | NotStarted | Settled | Ended | Lost
"""`Ended`: canceled before the start command left. `Lost`: it left, and what became of it isn't known."""


class Bringer:
    """Brings jobs to one printer. Never raises but `CancelledError`."""

    def __init__(self, supervisor: Supervisor, jobs: JobRepository, content: Content) -> None:
        self._supervisor = supervisor
        self._driver = supervisor.driver
        self._name = supervisor.name
        self._jobs = jobs
        self._content = content
        self.sending = asyncio.Lock()
        """Held from before the start command leaves until it is answered: a cancel waits for it."""

    async def bring(self, held: Held, is_held: Callable[[], bool]) -> Step:
        """Upload, look, note, start. `is_held`: whether the job is still the printer's."""
        try:
            name = await self._driver.upload(held.job.file_name, await self._content(held.job))
            before = await self._supervisor.refresh()
            check_ready(self._name, before)
        except (PrinterError, ProblemError, OSError) as error:
            return self._not_started(error)
        except Exception:
            log.exception("printer %s: bringing job %s failed", self._name, held.job.id)
            return NotStarted(f"{self._name}: the file couldn't be brought to the printer")
        held.file = name
        held.stale = at_end_of(before, name)
        async with self.sending:
            refused = await self._note(held, name, is_held)
            return await self._start(held, name) if refused is None else refused

    async def _note(self, held: Held, name: str, is_held: Callable[[], bool]) -> Step | None:
        """Write down that the start command leaves now; or why it doesn't."""
        try:
            if not held.cancel_asked and not await self._jobs.note_start(held.job, name):
                log.info("printer %s: job %s was settled before its start", self._name, held.job.id)
                return Settled()
        except Exception as error:
            log.exception("printer %s: the start of job %s can't be noted", self._name, held.job.id)
            return self._not_started(error)
        if not is_held():
            return Settled()
        return Ended("canceled") if held.cancel_asked else None

    async def start_again(self, held: Held, is_held: Callable[[], bool]) -> Step:
        """Send the start command once more, to a printer that took it and stood idle."""
        async with self.sending:
            if not is_held():
                return Settled()
            if held.cancel_asked:
                return Ended("canceled")
            return await self._start(held, held.file or held.job.file_name)

    async def _start(self, held: Held, name: str) -> Step:
        held.phase = "starting"
        step: Step = Started()
        try:
            await self._driver.start(name)
        except PrinterOutcomeUnknown as error:
            step = Lost(str(error))
        except PrinterError as error:
            return self._not_started(error)
        except Exception as error:
            # The command may have left: only a person can tell now.
            log.exception("printer %s: starting job %s failed", self._name, held.job.id)
            step = Lost(f"The start command failed ({type(error).__name__}).")
        held.unknown = isinstance(step, Lost)
        held.phase = "started"
        return step

    def _not_started(self, error: Exception) -> NotStarted:
        reason = error.message if isinstance(error, ProblemError) else str(error)
        return NotStarted(reason if reason.startswith(self._name) else f"{self._name}: {reason}")
