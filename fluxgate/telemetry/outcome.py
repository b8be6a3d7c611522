"""How a request ended, in a word: a status alone doesn't tell an answer that arrived from one that was cut off."""

from __future__ import annotations

from typing import Literal, Protocol

from fluxgate.proxy.outcomes import CLIENT_CLOSED_REQUEST
from fluxgate.types import Scope

__all__ = ["Answered", "Outcome", "outcome_of"]

Outcome = Literal["ok", "problem", "client_left", "broken", "cut"]
"""`ok`: the answer was sent whole; `problem`: it was one of the gateway's own; `client_left`: before it was whole;
`broken`: the transfer was broken off, as the upstream's was; `cut`: the server ended before it was whole."""


class Answered(Protocol):
    """What is to be known of an answer."""

    status: int
    sent: int
    broken: bool


def outcome_of(scope: Scope, answer: Answered) -> Outcome:
    """The outcome of a request whose endpoint has returned, or was cancelled."""
    if answer.broken:
        return "broken"
    if answer.status == CLIENT_CLOSED_REQUEST:
        return "client_left"
    cycle = scope.get("fluxgate.cycle")
    if cycle is not None and not cycle.response_complete and cycle.switched is None:
        return "client_left" if cycle.disconnected else "cut"
    return "problem" if "fluxgate.problem_code" in scope else "ok"
