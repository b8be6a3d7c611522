"""Klipper printers, over Moonraker's REST API; what they push is in `moonraker_push.py`.

What the real server was seen to do that its documentation doesn't say is noted where it matters.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urljoin

import httpx
import msgspec

from fluxgate_printing.models import ACTIVE_STATUSES, PrinterState, PrinterStatus
from fluxgate_printing.printers.base import (
    Axis,
    Capability,
    PrinterBusyError,
    PrinterDriver,
    PrinterError,
    PrinterRejectedError,
    check_name,
    not_now,
)
from fluxgate_printing.printers.moonraker_api import MoonrakerApi, reason, result
from fluxgate_printing.printers.moonraker_push import watch
from fluxgate_printing.printers.moonraker_state import (
    HEATERS,
    WANTED,
    FileFacts,
    FolderBody,
    Objects,
    PrintStats,
    ServerInfo,
    Webhooks,
    connected_state,
    folder_and_name,
    loaded_file,
    part,
    unconnected_state,
)
from fluxgate_printing.printers.printer_http import Answer, NoAnswerInTime, check_server
from fluxgate_printing.settings import MoonrakerSettings

EXTENSIONS = (".gcode", ".gco", ".g")
OWN_PORTS = (7125, 7130)
MJPEG = "mjpeg"

LAG = 0.3  # seconds
TRIES = 5

# Moonraker's own words, for a status alone has several meanings
LOADED = "File is loaded, upload not permitted"
IN_USE = "File currently in use"
NO_SUCH_FILE = "Invalid file path"

# Klipper reads a file's name from a line of G-code, in which these begin a comment, a checksum or an escape
_UNREADABLE = re.compile(r'[#;*"]')


class _Query(msgspec.Struct, frozen=True):
    objects: dict[str, tuple[str, ...]]


class _StatusBody(msgspec.Struct, frozen=True):
    status: dict[str, dict[str, object]]


class _Start(msgspec.Struct, frozen=True):
    filename: str


class _Script(msgspec.Struct, frozen=True):
    script: str


class _Item(msgspec.Struct, frozen=True):
    path: str


class _UploadBody(msgspec.Struct, frozen=True):
    item: _Item


class _Webcam(msgspec.Struct, frozen=True):
    enabled: bool = True
    service: str = ""
    stream_url: str = ""


class _WebcamsBody(msgspec.Struct, frozen=True):
    webcams: tuple[_Webcam, ...] = ()


def check_settings(settings: MoonrakerSettings) -> str:
    """The server's base URL; ValueError if the settings can't be those of a printer."""
    return check_server("a Moonraker", settings.url, settings.api_key)


class MoonrakerDriver(PrinterDriver):
    """One Moonraker server and its Klipper. ValueError as from `check_settings`. A given `client` is used and not
    closed."""

    capabilities: frozenset[Capability] = frozenset({"push", "temperature", "home", "jog", "gcode"})

    def __init__(self, settings: MoonrakerSettings, client: httpx.AsyncClient | None = None) -> None:
        self._settings = settings
        self._api = MoonrakerApi(check_settings(settings), settings.api_key, settings.timeout, client)
        self._facts: tuple[str, FileFacts] | None = None  # of the file in print

    async def read_state(self) -> PrinterState:
        """See `PrinterDriver`. One request; a second for the file that is loaded, while it prints only once."""
        objects = await self._objects()
        if isinstance(objects, PrinterState):
            return objects
        return connected_state(objects, await self._file_facts(objects), time.time())

    async def _objects(self) -> Objects | PrinterState:
        """Klipper's objects, or the state of a printer whose Klipper Moonraker doesn't have."""
        answer = await self._api.call("POST", "/printer/objects/query", _Query(WANTED))
        # 404 before Klipper was first connected, 503 when it was lost
        if answer.status in {404, 503}:
            info = result(_expect(await self._api.call("GET", "/server/info")), ServerInfo)
            return unconnected_state(info, time.time(), found=answer.status == 503)
        return result(_expect(answer), _StatusBody).status

    async def _file_facts(self, objects: Objects) -> FileFacts | None:
        name = loaded_file(objects)
        prints = part(objects, "print_stats", PrintStats).state in {"printing", "paused"}
        if self._facts is not None and not (prints and self._facts[0] == name):
            self._facts = None
        if name is None:
            return None
        if self._facts is not None:
            return self._facts[1]
        facts = await self._look_up(name)
        if prints and facts is not None:
            self._facts = (name, facts)
        return facts

    async def _look_up(self, name: str) -> FileFacts | None:
        answer = await self._api.call("GET", f"/server/files/metadata?filename={quote(name, safe='')}")
        if answer.status != 404:
            return result(_expect(answer), FileFacts)
        # there is no such file, or nothing was found out about it
        folder, file = folder_and_name(name)
        answer = await self._api.call("GET", f"/server/files/directory?path={quote(folder, safe='')}")
        return FileFacts() if answer.ok and result(answer, FolderBody).has(file) else None

    def watch(self) -> AsyncIterator[PrinterState]:
        """See `PrinterDriver`."""
        return watch(self._api.url, self._settings.api_key, self._settings.timeout)

    async def upload(self, name: str, path: Path) -> str:
        """See `PrinterDriver`. Moonraker would take a file of any kind, and keep names that Klipper can't read."""
        stored = _readable(check_name(name))
        answer = await self._unless_printed(stored, LOADED, lambda: self._api.upload(stored, path))
        return _expect(answer).decode(_UploadBody).item.path  # not wrapped in a result, as all else is

    async def start(self, name: str) -> None:
        """See `PrinterDriver`.

        Klipper begins a paused print anew without a word, so the state is asked before.
        """
        check_name(name)
        await self._refuse_unless_idle()
        await self._expect_taken(
            await self._api.call("POST", "/printer/print/start", _Start(name), once=True), {"idle"}
        )

    async def pause(self) -> None:
        """See `PrinterDriver`."""
        if (await self._active_state()).status != "paused":
            await self._command("/printer/print/pause")

    async def resume(self) -> None:
        """See `PrinterDriver`."""
        if (await self._active_state()).status != "printing":
            await self._command("/printer/print/resume")

    async def cancel(self) -> None:
        """See `PrinterDriver`."""
        await self._active_state()
        await self._command("/printer/print/cancel")

    async def connect(self) -> None:
        """See `PrinterDriver`. Restarts a Klipper that has shut down, and clears a print that failed; Moonraker finds
        a Klipper that was started again by itself. Returns before the printer is connected."""
        objects = await self._objects()
        if isinstance(objects, PrinterState):
            return
        if part(objects, "webhooks", Webhooks).state in {"shutdown", "error"}:
            _expect(await self._api.call("POST", "/printer/firmware_restart"))
        elif part(objects, "print_stats", PrintStats).state == "error":
            await self._script("SDCARD_RESET_FILE")

    async def delete_file(self, name: str) -> None:
        """See `PrinterDriver`."""
        path = f"/server/files/gcodes/{quote(check_name(name), safe='')}"
        answer = await self._unless_printed(name, IN_USE, lambda: self._api.call("DELETE", path))
        if not (answer.status == 400 and reason(answer).startswith(NO_SUCH_FILE)):
            _expect(answer)

    async def _unless_printed(self, name: str, refusal: str, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to what mustn't be done to a file that is printed.

        Moonraker looks after that, but learns of a print's start and end a quarter of a second after they are, so the
        printer is asked too.
        """
        for _ in range(TRIES):
            state = await self.read_state()
            if state.status in ACTIVE_STATUSES and state.file == name:
                break
            answer = await send()
            if not (answer.status == 403 and reason(answer) == refusal):
                return answer
            await asyncio.sleep(LAG)
        raise PrinterBusyError("A file of that name is being printed.")

    async def set_temperature(self, heater: str, target: float) -> None:
        """See `PrinterDriver`."""
        if (name := HEATERS.get(heater)) is None:
            raise PrinterRejectedError(f"The printer has no heater {heater!r}.")
        await self._script(f"SET_HEATER_TEMPERATURE HEATER={name} TARGET={target:.2f}")

    async def home(self, axes: Sequence[Axis]) -> None:
        """See `PrinterDriver`."""
        await self._refuse_if_active()
        await self._script(" ".join(["G28", *(axis.upper() for axis in axes)]))

    async def jog(self, moves: Mapping[Axis, float], speed: float | None = None) -> None:
        """See `PrinterDriver`."""
        await self._refuse_if_active()
        words = [f"{axis.upper()}{distance:.4f}" for axis, distance in moves.items()]
        if speed is not None:
            words.append(f"F{speed:.2f}")
        restore = "RESTORE_GCODE_STATE NAME=fluxgate"
        try:
            await self._script("\n".join(["SAVE_GCODE_STATE NAME=fluxgate", "G91", f"G1 {' '.join(words)}", restore]))
        except PrinterRejectedError:
            # Klipper drops the rest of a script after a line that it refuses, and would go on with G91
            with suppress(PrinterError):
                await self._script(restore)
            raise

    async def send_gcode(self, commands: Sequence[str]) -> None:
        """See `PrinterDriver`."""
        await self._refuse_if_active()
        await self._script("\n".join(commands))

    async def _script(self, script: str) -> None:
        await self._command("/printer/gcode/script", _Script(script))

    async def _command(self, path: str, body: msgspec.Struct | None = None) -> None:
        """Have Klipper carry out a command. It answers when that is done, and first come those before it (heating up,
        say): one that isn't answered in time waits its turn, as long as Klipper answers at all."""
        try:
            answer = await self._api.call("POST", path, body, once=True)
        except NoAnswerInTime:
            if await self._klipper_answers():
                return
            raise
        await self._expect_taken(answer, {"idle", *ACTIVE_STATUSES})

    async def _klipper_answers(self) -> bool:
        try:
            return not isinstance(await self._objects(), PrinterState)
        except PrinterError:
            return False

    async def _expect_taken(self, answer: Answer, states: Container[PrinterStatus]) -> None:
        """Raise unless the command was taken: not in these states, or for the reason that Klipper gives."""
        if answer.ok:
            return
        state = await self.read_state()
        if state.status not in states:
            raise not_now(state)
        _expect(answer)

    async def _active_state(self) -> PrinterState:
        """The state of a print under way. Without one Klipper answers pause, resume and cancel as if it obeyed."""
        state = await self.read_state()
        if state.status not in ACTIVE_STATUSES:
            raise not_now(state)
        return state

    async def _refuse_unless_idle(self) -> None:
        state = await self.read_state()
        if state.status != "idle":
            raise not_now(state)

    async def _refuse_if_active(self) -> None:
        state = await self.read_state()
        if state.status in ACTIVE_STATUSES:
            raise not_now(state)

    async def camera_url(self) -> str | None:
        """See `PrinterDriver`. The first camera that is on and streams MJPEG."""
        if self._settings.camera_url:
            return self._settings.camera_url
        listed = result(_expect(await self._api.call("GET", "/server/webcams/list")), _WebcamsBody).webcams
        for camera in listed:
            if camera.enabled and MJPEG in camera.service and camera.stream_url.strip():
                url = urljoin(self._web_page(), camera.stream_url.strip())
                if url.startswith(("http://", "https://")):
                    return url
        return None

    def _web_page(self) -> str:
        """The root of the web page that Moonraker's cameras are relative to: not its own port, but HTTP's."""
        base = httpx.URL(f"{self._api.url}/")
        return str(base.copy_with(port=None) if base.port in OWN_PORTS else base)

    async def aclose(self) -> None:
        """See `PrinterDriver`."""
        await self._api.aclose()


def _readable(name: str) -> str:
    """`name` as Klipper can read it back. `PrinterRejectedError` unless it is that of a G-code file."""
    stem, dot, extension = _UNREADABLE.sub("_", name).strip().lstrip(".").rpartition(".")
    if not stem.strip() or f"{dot}{extension.lower()}" not in EXTENSIONS:
        raise PrinterRejectedError("The printer takes G-code files only.")
    return f"{stem}.{extension.lower()}"


def _expect(answer: Answer) -> Answer:
    if not answer.ok:
        raise PrinterRejectedError(f"Moonraker refused: {reason(answer)}")
    return answer
