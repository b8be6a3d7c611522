"""PrusaLink as it runs beside an MK2.5 to MK3S, over the first version of its own REST API.

What the real server was seen to do that its documentation doesn't say is noted where it matters.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import httpx

from fluxgate_printing.models import ACTIVE_STATUSES, PrinterState
from fluxgate_printing.printers.base import (
    PrinterBusyError,
    PrinterDriver,
    PrinterError,
    PrinterOfflineError,
    PrinterRejectedError,
    check_name,
)
from fluxgate_printing.printers.printer_http import Answer, check_server
from fluxgate_printing.printers.prusalink_api import PrusaLinkApi, PrusaLinkFailedError, file_path, reason
from fluxgate_printing.printers.prusalink_state import JobBody, Print, StatusBody, agree, follow, state_of
from fluxgate_printing.settings import PrusaLinkSettings

READS = 4
SETTLE = 0.1  # seconds between reads that disagree
LISTED = 0.1  # seconds between looks for a file that PrusaLink hasn't noticed yet

EXTENSIONS = (".gcode", ".gco", ".gc", ".g")
FORBIDDEN = frozenset('\\?"%¯°#ˇ')
MAX_NAME = 240  # bytes; PrusaLink's own names for unfinished files are longer by 6

START_PATIENCE = 6.0
"""So many times as long as other requests a start may take to be answered."""


def check_settings(settings: PrusaLinkSettings) -> str:
    """The server's base URL; ValueError if the settings can't be those of a printer."""
    url = check_server("a PrusaLink", settings.url, settings.api_key)
    if settings.api_key and (settings.username or settings.password):
        raise ValueError("api_key and username with password are two ways to log in: configure one")
    if bool(settings.username) != bool(settings.password):
        raise ValueError("username and password belong together")
    return url


class PrusaLinkDriver(PrinterDriver):
    """One PrusaLink server. ValueError as from `check_settings`. A given `client` is used and not closed."""

    def __init__(self, settings: PrusaLinkSettings, client: httpx.AsyncClient | None = None) -> None:
        self._settings = settings
        self._api = PrusaLinkApi(check_settings(settings), settings, client)
        self._last: Print | None = None
        self._watched = False
        self._reading = asyncio.Lock()

    async def read_state(self) -> PrinterState:
        """See `PrinterDriver`. Two requests; up to `READS` times as many around a change, until the answers agree."""
        return (await self._read())[0]

    async def _read(self) -> tuple[PrinterState, JobBody | None]:
        async with self._reading:  # what is known of the print follows the answers' order
            status, job = await self._agreed()
            now = time.time()
            self._last = follow(self._last, status, job, now, watched=self._watched)
            self._watched = True
            return state_of(self._last, status, job, now), job

    async def _agreed(self) -> tuple[StatusBody, JobBody | None]:
        for _ in range(READS - 1):
            try:
                status, job = await self._once()
            except PrusaLinkFailedError:
                pass  # it reads what it is just writing: it does so while it takes stock of a new file
            else:
                if agree(status, job):
                    return status, job
            await asyncio.sleep(SETTLE)
        return await self._once()

    async def _once(self) -> tuple[StatusBody, JobBody | None]:
        job = await self._job()
        return _expect(await self._api.call("GET", "/api/v1/status")).decode(StatusBody), job

    async def _job(self) -> JobBody | None:
        answer = _expect(await self._api.call("GET", "/api/v1/job"))
        return answer.decode(JobBody) if answer.body else None

    async def upload(self, name: str, path: Path) -> str:
        """See `PrinterDriver`.

        PrusaLink would replace the file in print, and take any file for G-code. It notices a new one some 0.2 s later,
        which is waited for.
        """
        if not check_name(name).lower().endswith(EXTENSIONS):
            raise PrinterRejectedError("PrusaLink prints G-code only.")
        stored = printable_name(name)
        state = await self.read_state()
        if state.status in ACTIVE_STATUSES and state.file == stored:
            raise PrinterBusyError("A file of that name is being printed.")
        answer = await self._api.upload(stored, path)
        if answer.status == 409:
            raise PrinterBusyError(f"PrusaLink doesn't take the file now: {reason(answer)}")
        _expect(answer)
        await self._until_listed(stored, listed=True)
        return stored

    async def start(self, name: str) -> None:
        """See `PrinterDriver`."""
        path = file_path(check_name(name))
        state = await self.read_state()
        if state.status != "idle":
            raise _refusal(state)
        # A file that doesn't say how far it is it reads to the end before it answers.
        answer = await self._api.call("POST", path, once=True, patience=START_PATIENCE)
        if answer.status == 404:
            raise PrinterRejectedError(f"PrusaLink has no file {name!r}.")
        if answer.status == 409:
            raise _refusal(await self.read_state())
        _expect(answer)
        self._last = Print(file=name)  # it may be over before it is seen

    async def pause(self) -> None:
        """See `PrinterDriver`."""
        await self._job_command("PUT", "/pause", already="paused")

    async def resume(self) -> None:
        """See `PrinterDriver`."""
        await self._job_command("PUT", "/resume", already="printing")

    async def cancel(self) -> None:
        """See `PrinterDriver`."""
        await self._job_command("DELETE", "", already="cancelling")

    async def _job_command(self, method: str, command: str, *, already: str) -> None:
        state, job = await self._read()
        if state.status == already:
            return
        if job is None:
            raise _refusal(state)
        if job.id is None:
            raise PrinterBusyError("PrusaLink doesn't know the print's number yet.")
        answer = await self._api.call(method, f"/api/v1/job/{job.id}{command}", once=True)
        if answer.status not in {404, 409}:
            _expect(answer)
        elif (state := await self.read_state()).status != already:
            # it became another job's, or another state
            raise _refusal(state)

    async def connect(self) -> None:
        """See `PrinterDriver`. PrusaLink tries for a printer by itself, all the time, and can't be told to."""
        _expect(await self._api.call("GET", "/api/v1/status"))

    async def delete_file(self, name: str) -> None:
        """See `PrinterDriver`. Returns when PrusaLink has noticed: it would start a file that is gone, and stay so."""
        answer = await self._api.call("DELETE", file_path(check_name(name)))
        if answer.status == 409:
            raise PrinterBusyError("The file is in use.")
        if answer.status != 404:
            _expect(answer)
            await self._until_listed(name, listed=False)
        if self._last is not None and self._last.ended is not None and self._last.file == name:
            self._last = None

    async def _until_listed(self, name: str, *, listed: bool) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout):
                while True:
                    if (await self._api.call("HEAD", file_path(name))).ok is listed:
                        return
                    await asyncio.sleep(LISTED)
        except TimeoutError as exc:
            raise PrinterOfflineError("PrusaLink doesn't notice its files' changes.") from exc

    async def camera_url(self) -> str | None:
        """See `PrinterDriver`. PrusaLink announces none: its own cameras give single pictures."""
        return self._settings.camera_url

    async def aclose(self) -> None:
        """See `PrinterDriver`."""
        await self._api.aclose()


def printable_name(name: str) -> str:
    """The name of a G-code file as it is, or one much like it, that no other name becomes, if PrusaLink won't take it.

    It refuses some characters, doesn't list files whose names begin with a dot, and counts a name's length in bytes.
    """
    if not (FORBIDDEN & set(name)) and not name.startswith(".") and len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    end = f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}{dot}{extension}"
    kept = "".join("_" if c in FORBIDDEN else c for c in stem.lstrip("."))
    return kept.encode()[: MAX_NAME - len(end)].decode(errors="ignore") + end


def _expect(answer: Answer) -> Answer:
    if not answer.ok:
        raise PrinterRejectedError(f"PrusaLink refused: {reason(answer)}")
    return answer


def _refusal(state: PrinterState) -> PrinterError:
    if state.status == "error":
        return PrinterBusyError(f"The printer is stopped by an error: {state.error}")
    return PrinterBusyError(f"The printer doesn't take this now ({state.text}).")
