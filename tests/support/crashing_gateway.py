"""`fluxgate run` in a process that notes each step of a dispatch, and ends itself at one of them as a power cut would:

    CRASH_JOURNAL=FILE [CRASH_AT=WHEN:STEP] python crashing_gateway.py

A step is what reaches beyond the process on a lane's behalf: a write to the database, a command to a printer, a look at
it. They are found by what they are, not by a list: whatever a lane writes or commands is a step, named after the method
that does it. FILE has the steps in their order, a JSON line each: `[step, argument]`.

WHEN is `before` (nothing of the step has happened; a write to the database has, and isn't committed), `after` (all of
it has) or `within` (a command has left and isn't answered; half of an upload has). The process ends at the first time.

The gateway is the product as it is: this wraps around it, from outside.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NoReturn

import fluxgate_printing.printers.kinds  # noqa: F401 - with it all drivers are there to be watched
import httpx
from fluxgate_printing.printers.base import PrinterDriver
from fluxgate_printing.printers.printer_http import PrinterHttp
from fluxgate_printing.printers.supervisor import Supervisor

from fluxgate.cli import main
from fluxgate.db import Database, Row

LANE = {f"fluxgate_printing.queue.{name}" for name in ("lane", "bringing", "dispatch")}
NO_COMMANDS = {"read_state", "camera_url", "aclose"}

Method = Callable[..., Awaitable[Any]]

in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)
commanded: ContextVar[str] = ContextVar("commanded", default="")
"""The command to a printer that this task carries out."""
leaving: ContextVar[bool] = ContextVar("leaving", default=False)
"""Whether the request that is sent is the command itself, not a look before or after it."""

when, _, fatal = os.environ.get("CRASH_AT", "").partition(":")
journal = os.open(os.environ["CRASH_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL was survived")


def reach(moment: str, step: str) -> None:
    if (moment, step) == (when, fatal):
        die()


def note(step: str, *arguments: object) -> None:
    os.write(journal, json.dumps([step, next((str(each) for each in arguments), "")]).encode() + b"\n")


def on_behalf() -> tuple[str, str] | None:
    """The function of the lane that this call comes from, and the method that it called; None if it isn't a lane's."""
    frame, called = sys._getframe(2), ""
    while frame is not None:
        if frame.f_globals.get("__name__") in LANE:
            return frame.f_code.co_name, called
        called = frame.f_code.co_name
        frame = frame.f_back  # type: ignore[assignment]
    return None


# -- the database


class Transaction(AbstractAsyncContextManager[None]):
    """A transaction whose commit is a step."""

    def __init__(self, inner: AbstractAsyncContextManager[None]) -> None:
        self._inner = inner
        self._outermost = not in_transaction.get()

    async def __aenter__(self) -> None:
        await self._inner.__aenter__()
        in_transaction.set(True)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        place = on_behalf() if self._outermost and kind is None else None
        if place is not None:
            reach("before", place[1])
            note(place[1])
        if self._outermost:
            in_transaction.set(False)
        await self._inner.__aexit__(kind, error, traceback)
        if place is not None:
            reach("after", place[1])


def watch_database() -> None:
    fetch, transaction = Database.fetch, Database.transaction

    async def watched_fetch(self: Database, sql: str, *args: object) -> list[Row]:
        alone = not in_transaction.get() and not sql.startswith("SELECT")
        place = on_behalf() if alone else None
        if place is None:
            return await fetch(self, sql, *args)
        reach("before", place[1])
        note(place[1])
        rows = await fetch(self, sql, *args)
        reach("after", place[1])
        return rows

    def watched_transaction(self: Database) -> AbstractAsyncContextManager[None]:
        return Transaction(transaction(self))

    Database.fetch = watched_fetch  # type: ignore[method-assign]
    Database.transaction = watched_transaction  # type: ignore[method-assign]


# -- the printers


def watched_command(name: str, command: Method) -> Method:
    @functools.wraps(command)
    async def watched(self: PrinterDriver, *args: Any, **options: Any) -> Any:
        reach("before", name)
        note(name, *args)
        token = commanded.set(name)
        try:
            answer = await command(self, *args, **options)
        finally:
            commanded.reset(token)
        reach("after", name)
        return answer

    return watched


def watch_printers() -> None:
    commands = PrinterDriver.__abstractmethods__ - NO_COMMANDS
    for driver in PrinterDriver.__subclasses__():
        for name in commands:
            setattr(driver, name, watched_command(name, getattr(driver, name)))
    refresh, send = Supervisor.refresh, httpx.AsyncClient.send
    call, send_file = PrinterHttp.call, PrinterHttp.send_file

    async def watched_refresh(self: Supervisor) -> Any:
        place = on_behalf()
        step = "" if place is None else f"look ({place[0]})"
        if step:
            reach("before", step)
            note(step)
        return await refresh(self)

    async def watched_call(self: PrinterHttp, *args: Any, once: bool = False, **options: Any) -> Any:
        token = leaving.set(once)
        try:
            return await call(self, *args, once=once, **options)
        finally:
            leaving.reset(token)

    async def watched_send_file(self: PrinterHttp, *args: Any, **options: Any) -> Any:
        token = leaving.set(True)
        try:
            return await send_file(self, *args, **options)
        finally:
            leaving.reset(token)

    async def watched_send(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        if leaving.get() and (when, fatal) == ("within", commanded.get()):
            if fatal == "upload":
                assert isinstance(request.stream, httpx.AsyncByteStream)
                request.stream = Half(request.stream)
            else:
                request.extensions["trace"] = die_when_sent
        return await send(self, request, **options)

    Supervisor.refresh = watched_refresh  # type: ignore[method-assign]
    PrinterHttp.call = watched_call  # type: ignore[method-assign]
    PrinterHttp.send_file = watched_send_file  # type: ignore[method-assign]
    httpx.AsyncClient.send = watched_send  # type: ignore[method-assign]


async def die_when_sent(event: str, _info: object) -> None:
    if event == "http11.send_request_body.complete":
        die()


class Half(httpx.AsyncByteStream):
    """A body that breaks off in the middle of its longest piece."""

    def __init__(self, whole: httpx.AsyncByteStream) -> None:
        self._whole = whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = [piece async for piece in self._whole]
        longest = max(range(len(pieces)), key=lambda number: len(pieces[number]))
        for piece in pieces[:longest]:
            yield piece
        yield pieces[longest][: len(pieces[longest]) // 2]
        die()


if __name__ == "__main__":
    watch_database()
    watch_printers()
    sys.argv[1:] = ["run"]
    main()
