"""`[audit]`: the record of every change."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["AuditSettings"]


class AuditSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of every change: who, what, on what, from where, with what result. A change whose record can't be
    written is refused. `fluxgate audit` lists, verifies and exports it."""

    enabled: Annotated[
        bool, Meta(description="Record changes. Without it they are made whether or not the database is there.")
    ] = True
    timeout: Annotated[
        float,
        Meta(gt=0, le=60, description="Seconds that a change waits for its record before it is refused with 503."),
    ] = 5.0
    denied_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Refused attempts (no or bad credentials, not allowed) that are recorded each minute; of those "
            "beyond it only the number is. 0: none is recorded.",
        ),
    ] = 60
