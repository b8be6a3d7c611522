"""What Moonraker tells by itself: the printer's state over one WebSocket, as JSON-RPC."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TypeVar

import msgspec

from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterOfflineError, PrinterRejectedError
from fluxgate_printing.printers.moonraker_api import key_refused
from fluxgate_printing.printers.moonraker_state import (
    WANTED,
    Absence,
    FileFacts,
    FolderBody,
    ServerInfo,
    Webhooks,
    connected_state,
    folder_and_name,
    loaded_file,
    part,
    unconnected_state,
)
from fluxgate_printing.printers.printer_socket import PrinterSocket, printer_socket

LOOK_EVERY = 5.0
LOOK_FOR_KLIPPER_EVERY = 1.0  # one that comes up with an error isn't announced
UNAUTHORIZED = -32602
NO_SUCH_METHOD = -32601  # what is Klipper's, as long as it was never connected

T = TypeVar("T")


class _RpcError(msgspec.Struct, frozen=True):
    code: int
    message: str = ""


class _Message(msgspec.Struct, frozen=True):
    """An answer, which has the `id` of its call, or a notification, which has a `method`."""

    id: int | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: _RpcError | None = None


class _StatusBody(msgspec.Struct, frozen=True):
    status: dict[str, dict[str, object]]


class _RefusedError(Exception):
    """Moonraker answered a call with an error."""

    def __init__(self, error: _RpcError) -> None:
        super().__init__(error.message)
        self.code = error.code


class _Rpc:
    """Calls and notifications on one connection, for one task."""

    def __init__(self, socket: PrinterSocket, timeout: float) -> None:
        self.socket = socket
        self._timeout = timeout
        self._calls = 0
        self._notifications: deque[tuple[_Message, float]] = deque()

    async def call(self, method: str, shape: type[T], **params: object) -> T:
        """What the method answers, as `shape`; `_RefusedError` if that is an error."""
        self._calls += 1
        await self.socket.send({"jsonrpc": "2.0", "id": self._calls, "method": method, "params": params})
        deadline = time.monotonic() + self._timeout
        while True:
            message = await self.socket.receive(_Message, deadline - time.monotonic())
            if message is None:
                raise PrinterOfflineError("Moonraker doesn't answer.")
            if message.method:
                self._notifications.append((message, time.time()))
            elif message.id == self._calls:
                break
        if message.error is not None:
            raise _RefusedError(message.error)
        return self.socket.decode(message.result, shape)

    @property
    def is_behind(self) -> bool:
        """Whether notifications wait that came before the last answer."""
        return bool(self._notifications)

    async def notification(self, wait: float) -> tuple[_Message, float] | None:
        """The next notification, and when it came (Unix time); None if there is none for `wait` seconds."""
        if self._notifications:
            return self._notifications.popleft()
        deadline = time.monotonic() + wait
        while True:
            message = await self.socket.receive(_Message, deadline - time.monotonic())
            if message is None:
                return None
            if message.method:
                return message, time.time()


class _Printer:
    """What is known of the printer, put together from answers and differences."""

    def __init__(self, rpc: _Rpc) -> None:
        self._rpc = rpc
        self._info = ServerInfo(klippy_connected=False, klippy_state="disconnected")
        self._found = False  # a Klipper, since Moonraker was started
        self._absence = Absence()
        self._objects: dict[str, dict[str, object]] | None = None  # None: Moonraker has no Klipper to subscribe to
        self._facts: FileFacts | None = None
        self._known_at = 0.0
        """When what is known of the printer came: what is asked meanwhile may be newer."""

    @property
    def is_subscribed(self) -> bool:
        return self._objects is not None

    def state(self) -> PrinterState:
        if self._objects is None:
            return unconnected_state(self._info, time.time(), lost=self._found and self._absence.is_loss())
        return connected_state(self._objects, self._facts, self._known_at)

    async def look(self) -> None:
        """Ask Moonraker how it stands with Klipper, and Klipper for all if that isn't known."""
        try:
            self._info = await self._rpc.call("server.info", ServerInfo)
        except _RefusedError as exc:
            raise PrinterRejectedError(f"Moonraker refused: {exc}") from exc
        if not self._rpc.is_behind:
            self._known_at = time.time()
        if self._objects is None or part(self._objects, "webhooks", Webhooks).state != self._info.klippy_state:
            await self.subscribe()

    async def subscribe(self) -> None:
        """Get all, and have the differences sent from now on."""
        self._objects = None
        try:
            body = await self._rpc.call("printer.objects.subscribe", _StatusBody, objects=WANTED)
        except _RefusedError as exc:  # there is no Klipper, or it is just coming or going
            self._found = exc.code != NO_SUCH_METHOD
            return
        self._found = True
        self._absence.end()
        self._objects = body.status
        self._known_at = time.time()
        await self._look_up_file()

    async def take(self, message: _Message, came_at: float) -> None:
        """Learn from a notification."""
        self._known_at = came_at
        match message.method:
            case "notify_status_update" if self._objects is not None:
                before = loaded_file(self._objects)
                changes, _ = self._rpc.socket.decode(message.params, tuple[dict[str, dict[str, object]], float])
                for name, fields in changes.items():
                    self._objects.setdefault(name, {}).update(fields)
                if loaded_file(self._objects) != before:
                    await self._look_up_file()
            case "notify_klippy_ready" | "notify_klippy_shutdown":
                await self.subscribe()
            case "notify_klippy_disconnected":
                self._objects = None
                await self.look()
            case "notify_filelist_changed" if self._objects is not None:
                await self._look_up_file()
            case _:
                pass

    async def _look_up_file(self) -> None:
        self._facts = None
        if self._objects is None or (name := loaded_file(self._objects)) is None:
            return
        try:
            self._facts = await self._rpc.call("server.files.metadata", FileFacts, filename=name)
        except _RefusedError:  # there is no such file, or nothing was found out about it
            folder, file = folder_and_name(name)
            with suppress(_RefusedError):
                listed = await self._rpc.call("server.files.get_directory", FolderBody, path=folder)
                self._facts = FileFacts() if listed.has(file) else None


async def watch(url: str, api_key: str | None, timeout: float) -> AsyncIterator[PrinterState]:
    """The states of the printer behind the Moonraker at `url`, as `PrinterDriver.watch` says."""
    async with printer_socket("Moonraker", f"{url}/websocket", timeout) as socket:
        rpc = _Rpc(socket, timeout)
        await _identify(rpc, api_key)
        printer = _Printer(rpc)
        await printer.look()
        shown = printer.state()
        yield shown
        looked = time.monotonic()
        while True:
            wait = LOOK_EVERY if printer.is_subscribed else LOOK_FOR_KLIPPER_EVERY
            told = await rpc.notification(looked + wait - time.monotonic())
            if told is None:
                await printer.look()
                looked = time.monotonic()
            else:
                await printer.take(*told)
            state = printer.state()
            if told is None or msgspec.structs.replace(shown, observed_at=state.observed_at) != state:
                shown = state
                yield shown


async def _identify(rpc: _Rpc, api_key: str | None) -> None:
    """Say who connects: the upgrade succeeds for anybody, and whatever is called after it fails without the key."""
    who = {"client_name": "fluxgate", "version": "1", "type": "other", "url": "urn:fluxgate"}
    if api_key:
        who["api_key"] = api_key
    try:
        await rpc.call("server.connection.identify", dict, **who)
    except _RefusedError as exc:
        if exc.code == UNAUTHORIZED:
            raise key_refused(has_key=bool(api_key)) from exc
        raise PrinterRejectedError(f"Moonraker refused: {exc}") from exc
