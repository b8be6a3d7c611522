"""What a printer was seen doing, held against the job that it was given: the one place that decides how a print ended.

Pure: no clock, no database, no printer. `lane.py` feeds it and carries out what it says.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fluxgate_printing.models import ACTIVE_STATUSES, PrinterState
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.states import FinalStatus

__all__ = ["WAIT", "Ended", "Held", "Lost", "Seen", "Verdict", "Wait", "at_end_of", "judge"]

COMPLETE = 99.995
WATCHED_WITHIN = 30.0

Phase = Literal["bringing", "starting", "started"]
"""`bringing`: the start command hasn't left; `starting`: it leaves; `started`: it was answered, or may have been."""


class Held(msgspec.Struct, kw_only=True, eq=False):
    """The job that a printer has, and what is known of its print. It changes; the lane is its only owner.

    `file`: its name at the printer. `stale`: the printer may show this file at 100 % from an earlier print. `seen`: it
    was seen at work on the job; `last_seen`: when (Unix time; 0: not by this process); `named`: and it showed the file;
    `progress`: how far, in percent. `unknown`: what became of the start isn't known. `cancel_asked`: somebody wants it
    canceled, and before `started` that is enough.
    """

    job: JobRecord
    phase: Phase
    file: str | None = None
    stale: bool = False
    seen: bool = False
    last_seen: float = 0.0
    named: bool = False
    progress: float | None = None
    unknown: bool = False
    cancel_asked: bool = False


class Wait(msgspec.Struct, frozen=True):
    """Nothing can be said yet."""


class Seen(msgspec.Struct, frozen=True):
    """The printer is at work on the job."""


class Lost(msgspec.Struct, frozen=True):
    """What became of the print can't be told; a person has to look."""

    reason: str


class Ended(msgspec.Struct, frozen=True):
    """The print is over."""

    status: FinalStatus
    message: str | None = None


Verdict = Wait | Seen | Lost | Ended
WAIT = Wait()


def judge(held: Held, state: PrinterState) -> Verdict:
    """What `state` means for the job."""
    if held.phase != "started" or not state.observed_at or state.stale:
        return WAIT
    if state.status in ACTIVE_STATUSES:
        return _at_work(held, state)
    if state.status == "idle":
        return _idle(held, state)
    failed = state.status == "error" or (state.status == "offline" and _answered_offline(held, state))
    if held.unknown or not failed:
        return WAIT  # offline is not failed: it is looked at again when the printer answers
    return Ended("failed", state.error or "The printer was disconnected during the print.")


def at_end_of(state: PrinterState, file: str | None) -> bool:
    """Whether the printer is idle and shows `file` printed to its end, by this print or an earlier one."""
    return (
        state.status == "idle"
        and state.file is not None
        and state.file == file
        and (state.completion or 0.0) >= COMPLETE
    )


def _at_work(held: Held, state: PrinterState) -> Verdict:
    if state.file == held.file or (state.file is None and not held.unknown):
        return Seen()
    return WAIT if held.unknown else Lost("The printer is printing another file.")


def _idle(held: Held, state: PrinterState) -> Verdict:
    if at_end_of(state, held.file) and (held.seen or not held.stale):
        return Ended("completed")
    if held.cancel_asked:
        return Ended("canceled")
    if held.unknown or not held.seen:
        return WAIT
    if state.file == held.file and _watched(held, state):
        return Ended("canceled", "The print was stopped at the printer.")
    return Lost("The printer was found idle, without the end of the print having been seen.")


def _watched(held: Held, state: PrinterState) -> bool:
    """Whether the print was watched until just now."""
    return held.last_seen > 0 and state.observed_at - held.last_seen < WATCHED_WITHIN


def _answered_offline(held: Held, state: PrinterState) -> bool:
    """Whether the printer's server itself says that it lost the printer, and the print with it.

    When the server is silent, the supervisor keeps the file as it was last seen; when it answers, it has none.
    """
    return held.named and state.file is None and _watched(held, state)
