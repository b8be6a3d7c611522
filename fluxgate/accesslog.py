"""One line a request: what was asked, what was answered, which plugin and route, how long it took. Never a query, a
header or a body."""

from __future__ import annotations

import logging
from typing import Protocol

from fluxgate.routing import Route
from fluxgate.types import Scope

logger = logging.getLogger("fluxgate.access")


class Answered(Protocol):
    """What the log needs of an answer."""

    status: int
    sent: int
    broken: bool


def log_access(scope: Scope, route: Route | None, answer: Answered, seconds: float) -> None:
    """Log one request at INFO. `status` 499: the client left; `broken`: the transfer was broken off."""
    if not logger.isEnabledFor(logging.INFO):
        return
    client = scope.get("client")
    logger.info(
        "%s %s %s %d%s %dB %.1fms plugin=%s route=%s id=%s",
        client[0] if client else "-",
        scope["method"],
        scope["raw_path"].decode("ascii", "backslashreplace"),
        answer.status,
        " broken" if answer.broken else "",
        answer.sent,
        seconds * 1000,
        (route.plugin if route else "") or "-",
        route.template if route else "-",
        scope["fluxgate.request_id"],
    )
