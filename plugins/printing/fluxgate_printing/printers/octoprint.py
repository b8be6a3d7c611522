"""OctoPrint, over its REST API; what it pushes is in `octoprint_push.py`.

What the real server was seen to do that its documentation doesn't say is noted where it matters.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, urljoin

import httpx
import msgspec

from fluxgate_printing.models import ACTIVE_STATUSES, PrinterState
from fluxgate_printing.printers.base import (
    Axis,
    Capability,
    PrinterBusyError,
    PrinterDriver,
    PrinterRejectedError,
    check_name,
    not_now,
)
from fluxgate_printing.printers.octoprint_api import OctoPrintApi, reason
from fluxgate_printing.printers.octoprint_push import watch
from fluxgate_printing.printers.octoprint_state import (
    ConnectionBody,
    JobBody,
    PrinterBody,
    agree,
    connected_state,
    unconnected_state,
)
from fluxgate_printing.printers.printer_http import Answer, check_server
from fluxgate_printing.settings import OctoPrintSettings

READS = 4
SETTLE = 0.1  # seconds between reads that disagree


class _Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    command: str
    action: str | None = None
    print: bool = False


class _StoredFile(msgspec.Struct, frozen=True):
    path: str


class _UploadBody(msgspec.Struct, frozen=True):
    files: dict[str, _StoredFile]


class _Webcam(msgspec.Struct, frozen=True, rename="camel"):
    webcam_enabled: bool = True
    stream_url: str | None = None


class _Extruder(msgspec.Struct, frozen=True):
    count: int = 1


class _Profile(msgspec.Struct, frozen=True, rename="camel"):
    current: bool = False
    extruder: _Extruder = _Extruder()
    heated_bed: bool = True


class _ProfilesBody(msgspec.Struct, frozen=True):
    profiles: dict[str, _Profile]


class _SettingsBody(msgspec.Struct, frozen=True):
    webcam: _Webcam = _Webcam()


def check_settings(settings: OctoPrintSettings) -> str:
    """The server's base URL; ValueError if the settings can't be those of a printer."""
    return check_server("an OctoPrint", settings.url, settings.api_key)


class OctoPrintDriver(PrinterDriver):
    """One OctoPrint server. ValueError as from `check_settings`. A given `client` is used and not closed."""

    capabilities: frozenset[Capability] = frozenset({"push", "temperature", "home", "jog", "gcode"})

    def __init__(self, settings: OctoPrintSettings, client: httpx.AsyncClient | None = None) -> None:
        self._settings = settings
        self._api = OctoPrintApi(check_settings(settings), settings.api_key, settings.timeout, client)

    async def read_state(self) -> PrinterState:
        """See `PrinterDriver`. Two requests; up to `READS` times as many around a change, until the answers agree."""
        for attempt in range(READS):
            state, agreed = await self._read_once()
            if agreed or attempt == READS - 1:
                break
            await asyncio.sleep(SETTLE)
        return state

    async def _read_once(self) -> tuple[PrinterState, bool]:
        # the printer before the job: a print that ends in between then shows as printing at 100 %, never as idle at 99
        # %
        answer = await self._api.call("GET", "/api/printer?exclude=sd")
        printer = None if answer.status == 409 else _expect(answer).decode(PrinterBody)
        job = _expect(await self._api.call("GET", "/api/job")).decode(JobBody)
        now = time.time()
        if printer is not None:
            return connected_state(printer, job, now), agree(printer, job, None)
        connection = _expect(await self._api.call("GET", "/api/connection")).decode(ConnectionBody)
        return unconnected_state(job, connection, now), agree(None, job, connection)

    def watch(self) -> AsyncIterator[PrinterState]:
        """See `PrinterDriver`."""
        return watch(self._api, self.read_state)

    async def upload(self, name: str, path: Path) -> str:
        """See `PrinterDriver`."""
        answer = await self._api.upload(check_name(name), path)
        if answer.status == 409:
            raise PrinterBusyError("A file of that name is being printed.")
        stored = _expect(answer).decode(_UploadBody).files.get("local")
        if stored is None:
            raise PrinterRejectedError("OctoPrint didn't keep the file.")
        return stored.path

    async def start(self, name: str) -> None:
        """See `PrinterDriver`.

        Selects and starts in one command: `start` by itself is answered 204 even when no file is selected.
        """
        path = _file_path(name)
        state = await self.read_state()
        if state.status != "idle":
            raise not_now(state)
        answer = await self._api.call("POST", path, _Command(command="select", print=True), once=True)
        if answer.status == 404:
            raise PrinterRejectedError(f"OctoPrint has no file {name!r}.")
        await self._expect_taken(answer)

    async def pause(self) -> None:
        """See `PrinterDriver`."""
        await self._job_command(_Command(command="pause", action="pause"))

    async def resume(self) -> None:
        """See `PrinterDriver`."""
        await self._job_command(_Command(command="pause", action="resume"))

    async def cancel(self) -> None:
        """See `PrinterDriver`."""
        await self._job_command(_Command(command="cancel"))

    async def _job_command(self, command: _Command) -> None:
        await self._expect_taken(await self._api.call("POST", "/api/job", command, once=True))

    async def _expect_taken(self, answer: Answer) -> None:
        if answer.status != 409:
            _expect(answer)
            return
        # offline, printing and idle are all 409, with misleading texts ("already printing" when offline): the state
        # tells
        state = await self.read_state()
        raise not_now(state)

    async def connect(self) -> None:
        """See `PrinterDriver`. Returns before the printer is connected: the state is `connecting` until it is."""
        _expect(await self._api.call("POST", "/api/connection", _Command(command="connect")))

    async def delete_file(self, name: str) -> None:
        """See `PrinterDriver`."""
        answer = await self._api.call("DELETE", _file_path(name))
        if answer.status == 409:
            raise PrinterBusyError("The file is in use.")
        if answer.status != 404:
            _expect(answer)

    async def set_temperature(self, heater: str, target: float) -> None:
        """See `PrinterDriver`. OctoPrint would take any target, and tools that there aren't."""
        if heater not in await self._heaters():
            raise PrinterRejectedError(f"The printer has no heater {heater!r}.")
        if heater == "bed":
            await self._printer_command("bed", {"command": "target", "target": target})
        else:
            await self._printer_command("tool", {"command": "target", "targets": {heater: target}})

    async def _heaters(self) -> set[str]:
        profiles = _expect(await self._api.call("GET", "/api/printerprofiles")).decode(_ProfilesBody).profiles
        profile = next((profile for profile in profiles.values() if profile.current), _Profile())
        tools = {f"tool{number}" for number in range(profile.extruder.count)}
        return tools | {"bed"} if profile.heated_bed else tools

    async def home(self, axes: Sequence[Axis]) -> None:
        """See `PrinterDriver`."""
        await self._refuse_if_active()
        await self._printer_command("printhead", {"command": "home", "axes": list(axes)})

    async def jog(self, moves: Mapping[Axis, float], speed: float | None = None) -> None:
        """See `PrinterDriver`."""
        await self._refuse_if_active()
        at = {} if speed is None else {"speed": speed}
        await self._printer_command("printhead", {"command": "jog", **dict(moves.items()), **at})

    async def send_gcode(self, commands: Sequence[str]) -> None:
        """See `PrinterDriver`."""
        await self._refuse_if_active()
        await self._printer_command("command", {"commands": list(commands)})

    async def _refuse_if_active(self) -> None:
        # OctoPrint would carry out a command in the middle of a print, and move the head of a paused one
        state = await self.read_state()
        if state.status in ACTIVE_STATUSES:
            raise not_now(state)

    async def _printer_command(self, what: str, command: dict[str, object]) -> None:
        await self._expect_taken(await self._api.call("POST", f"/api/printer/{what}", command, once=True))

    async def camera_url(self) -> str | None:
        """See `PrinterDriver`. Announced addresses that aren't HTTP (WebRTC, say) count as none."""
        if self._settings.camera_url:
            return self._settings.camera_url
        try:
            answer = await self._api.call("GET", "/api/settings")
        except PrinterRejectedError as exc:
            raise PrinterRejectedError(f"{exc} Its webcam settings can't be read: configure camera_url.") from exc
        webcam = _expect(answer).decode(_SettingsBody).webcam
        if not webcam.webcam_enabled or not webcam.stream_url:
            return None
        url = urljoin(f"{self._api.url}/", webcam.stream_url.strip())
        return url if url.startswith(("http://", "https://")) else None

    async def aclose(self) -> None:
        """See `PrinterDriver`."""
        await self._api.aclose()


def _file_path(name: str) -> str:
    return f"/api/files/local/{quote(check_name(name), safe='')}"


def _expect(answer: Answer) -> Answer:
    if not answer.ok:
        raise PrinterRejectedError(f"OctoPrint refused: {reason(answer)}")
    return answer
