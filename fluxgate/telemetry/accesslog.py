"""One line a request: what was asked, what was answered, which plugin and route, how long it took. Never a query, a
header or a body.

The lines don't pass through `logging`, whose records cost a proxied GET a quarter of its throughput: they are
collected and written to standard error together, so up to `FLUSH_AFTER` late, but with the time at which the answer
ended. What a kill -9 takes is the lines of that moment.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Literal, Protocol

import msgspec

from fluxgate.logs import one_line
from fluxgate.routing import Route
from fluxgate.types import Scope

__all__ = ["AccessLog"]

FLUSH_AFTER = 0.2
FLUSH_AT = 512
"""Lines."""

# Asked only for its level: an operator silences the access log like any other.
logger = logging.getLogger("fluxgate.access")


class Answered(Protocol):
    """What the log needs of an answer."""

    status: int
    sent: int
    broken: bool


class AccessEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line in JSON. `status` 499: the client left; `broken`: the transfer was broken off; `ms`: until the end of the
    answer."""

    time: str
    level: str
    logger: str
    client: str
    method: str
    path: str
    status: int
    broken: bool = False
    bytes: int
    ms: float
    plugin: str
    route: str
    request_id: str


class AccessLog:
    """The access log of one gateway. Lines are lost by neither `close()` nor an exit of the interpreter."""

    def __init__(self, form: Literal["console", "json"]) -> None:
        self._line = _json if form == "json" else _console
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def log(self, scope: Scope, route: Route | None, answer: Answered, seconds: float) -> None:
        """Add one request's line, if the level INFO is logged."""
        if not logger.isEnabledFor(logging.INFO):
            return
        self._lines.append(self._line(scope, route, answer, seconds))
        if len(self._lines) >= FLUSH_AT:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)
            atexit.register(self.flush)

    def flush(self) -> None:
        """Write the lines that were collected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            atexit.unregister(self.flush)
        if self._lines:
            text = "".join(self._lines)
            self._lines.clear()
            sys.stderr.write(text)
            sys.stderr.flush()


class _Second:
    """The current second as text; formatting it anew for each line would be most of a line's cost."""

    at = -1
    local = ""
    utc = ""


def _now() -> int:
    """The current milliseconds, after having brought `_Second` up to date."""
    now = time.time()
    second = int(now)
    if second != _Second.at:
        _Second.at = second
        _Second.local = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        _Second.utc = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return int((now - second) * 1000)


def _path(scope: Scope) -> str:
    return one_line(scope["raw_path"].decode("ascii", "backslashreplace"))


def _console(scope: Scope, route: Route | None, answer: Answered, seconds: float) -> str:
    milliseconds = _now()
    client = scope.get("client")
    return (
        f"{_Second.local},{milliseconds:03} INFO    fluxgate.access: {client[0] if client else '-'} {scope['method']} "
        f"{_path(scope)} {answer.status}{' broken' if answer.broken else ''} {answer.sent}B {seconds * 1000:.1f}ms "
        f"plugin={(route.plugin if route else '') or '-'} route={route.template if route else '-'} "
        f"id={scope['fluxgate.request_id']}\n"
    )


def _json(scope: Scope, route: Route | None, answer: Answered, seconds: float) -> str:
    milliseconds = _now()
    client = scope.get("client")
    entry = AccessEntry(
        time=f"{_Second.utc}.{milliseconds:03}+00:00",
        level="info",
        logger="fluxgate.access",
        client=client[0] if client else "",
        method=scope["method"],
        path=_path(scope),
        status=answer.status,
        broken=answer.broken,
        bytes=answer.sent,
        ms=round(seconds * 1000, 1),
        plugin=route.plugin if route else "",
        route=route.template if route else "",
        request_id=scope["fluxgate.request_id"],
    )
    return msgspec.json.encode(entry).decode() + "\n"
