"""The job's state machine, in one table.

```
queued ──▶ printing ──▶ completed
  │  ▲        │ │
  │  └────────┘ ├─────▶ failed      the way back is `release`: only for a start command that provably never left
  ├─────────────┼─────▶ canceled
  └─────────────────▶ failed
```
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from fluxgate.errors import ConflictError

__all__ = [
    "ACTIVE",
    "FINAL",
    "TRANSITIONS",
    "FinalStatus",
    "InvalidTransitionError",
    "JobStatus",
    "check_transition",
    "is_allowed",
]

JobStatus = Literal["queued", "printing", "completed", "failed", "canceled"]
FinalStatus = Literal["completed", "failed", "canceled"]

FINAL: frozenset[str] = frozenset(get_args(FinalStatus))
ACTIVE: frozenset[str] = frozenset(get_args(JobStatus)) - FINAL

TRANSITIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "queued": frozenset({"printing", "failed", "canceled"}),
        "printing": frozenset({"completed", "failed", "canceled"}),
        "completed": frozenset(),
        "failed": frozenset(),
        "canceled": frozenset(),
    }
)
"""From each status, those that may follow."""

RELEASE = ("printing", "queued")
PROGRESS = ("printing", "printing")


class InvalidTransitionError(ConflictError):
    """409: the job's status may not change so. `old` and `new` are the statuses."""

    code = "JOB_TRANSITION_REFUSED"

    def __init__(self, old: str, new: str) -> None:
        super().__init__(f"A {old} job can't become {new}.", field="status")
        self.old = old
        self.new = new


def is_allowed(old: str, new: str, *, release: bool = False) -> bool:
    """Whether `new` may follow `old`. Staying at `printing` may: it is what a progress update does. Unknown ones may
    not."""
    return new in TRANSITIONS.get(old, frozenset()) or (old, new) == PROGRESS or (release and (old, new) == RELEASE)


def check_transition(old: str, new: str, *, release: bool = False) -> None:
    """Raise `InvalidTransitionError` unless `is_allowed`."""
    if not is_allowed(old, new, release=release):
        raise InvalidTransitionError(old, new)
