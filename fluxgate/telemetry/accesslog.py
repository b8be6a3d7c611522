"""One line a request: who asked what, what was answered, which plugin, route and upstream, how long it took. Never a
query, a header or a body.

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
from typing import Literal

import msgspec

from fluxgate.logs import one_line
from fluxgate.principal import ANONYMOUS, Principal
from fluxgate.proxy.timing import UpstreamCall
from fluxgate.routing import SAFE_METHODS, Route
from fluxgate.telemetry.outcome import Answered, outcome_of
from fluxgate.tracecontext import TraceContext
from fluxgate.types import Scope

__all__ = ["AccessLog"]

FLUSH_AFTER = 0.2
FLUSH_AT = 512
"""Lines."""
QUICK = 1.0
"""Seconds under which a read isn't worth a line, where reads are to be quiet."""

# Asked only for its level: an operator silences the access log like any other.
logger = logging.getLogger("fluxgate.access")


class AccessEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line in JSON. `outcome`: see `outcome.py`; a `problem` has its `code`. `status`: 0 if no answer had begun, 499
    if the client left before. `received` and `bytes`: of the bodies; `ms`: until the end of the answer; of the upstream
    `connect_ms` until a connection was at hand, `first_byte_ms` from then until its answer's head."""

    time: str
    level: str
    logger: str
    client: str
    method: str
    path: str
    status: int
    outcome: str
    code: str = ""
    received: int = 0
    bytes: int
    ms: float
    plugin: str
    route: str
    principal: str = ""
    auth: str = ""
    upstream: str = ""
    upstream_status: int = 0
    connect_ms: float = 0.0
    first_byte_ms: float = 0.0
    request_id: str
    trace_id: str = ""


class AccessLog:
    """The access log of one gateway. Lines are lost by neither `close()` nor an exit of the interpreter."""

    def __init__(self, form: Literal["console", "json"], *, quiet_reads: bool = False) -> None:
        self._line = _json if form == "json" else _console
        self._quiet_reads = quiet_reads
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def log(self, scope: Scope, route: Route | None, answer: Answered, seconds: float, received: int = 0) -> None:
        """Add one request's line, if the level INFO is logged."""
        if not logger.isEnabledFor(logging.INFO):
            return
        if (
            self._quiet_reads
            and seconds < QUICK
            and scope["method"] in SAFE_METHODS
            and 200 <= answer.status < 400
            and outcome_of(scope, answer) == "ok"
        ):
            return
        self._lines.append(self._line(scope, route, answer, seconds, received))
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


def _console(scope: Scope, route: Route | None, answer: Answered, seconds: float, received: int) -> str:
    milliseconds = _now()
    client = scope.get("client")
    principal: Principal = scope.get("fluxgate.principal", ANONYMOUS)
    code: str = scope.get("fluxgate.problem_code", "")
    outcome = outcome_of(scope, answer)
    told = "" if outcome in {"ok", "problem"} else f" {outcome}"
    line = (
        f"{_Second.local},{milliseconds:03} INFO    fluxgate.access: {client[0] if client else '-'} {scope['method']} "
        f"{_path(scope)} {answer.status}{told} {answer.sent}B {seconds * 1000:.1f}ms "
        f"plugin={(route.plugin if route else '') or '-'} route={route.template if route else '-'} "
        f"id={scope['fluxgate.request_id']}"
    )
    if received:
        line += f" received={received}B"
    if code:
        line += f" code={code}"
    if principal.id and principal.method != "open":
        line += f" by={one_line(principal.id)}"
    call: UpstreamCall | None = scope.get("fluxgate.upstream")
    if call is not None:
        line += f" upstream={call.name}:{call.status or call.error or '-'} {call.first_byte_seconds * 1000:.1f}ms"
    return line + "\n"


def _json(scope: Scope, route: Route | None, answer: Answered, seconds: float, received: int) -> str:
    milliseconds = _now()
    client = scope.get("client")
    principal: Principal = scope.get("fluxgate.principal", ANONYMOUS)
    trace: TraceContext | None = scope.get("fluxgate.trace")
    code: str = scope.get("fluxgate.problem_code", "")
    entry = AccessEntry(
        time=f"{_Second.utc}.{milliseconds:03}+00:00",
        level="info",
        logger="fluxgate.access",
        client=client[0] if client else "",
        method=scope["method"],
        path=_path(scope),
        status=answer.status,
        outcome=outcome_of(scope, answer),
        code=code,
        received=received,
        bytes=answer.sent,
        ms=round(seconds * 1000, 1),
        plugin=route.plugin if route else "",
        route=route.template if route else "",
        principal=principal.id,
        auth=principal.method,
        request_id=scope["fluxgate.request_id"],
        trace_id=trace.trace_id if trace is not None else "",
    )
    call: UpstreamCall | None = scope.get("fluxgate.upstream")
    if call is not None:
        entry.upstream = call.name
        entry.upstream_status = call.status
        entry.connect_ms = round(call.connect_seconds * 1000, 1)
        entry.first_byte_ms = round(call.first_byte_seconds * 1000, 1)
    return msgspec.json.encode(entry).decode() + "\n"
