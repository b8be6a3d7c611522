"""One record of the audit trail, and the bytes of it that are hashed.

A change makes two records: its intent, written before anything is changed, and its outcome, which points back at it.
Each record's hash covers the one before, so a record that is changed, taken out or put elsewhere shows.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Literal

import msgspec

from fluxgate.audit_notes import Detail

__all__ = ["GENESIS", "NOT_MADE", "AuditRecord", "Kind", "Result", "digest", "now", "sealed", "stamp"]

Kind = Literal["intent", "outcome", "denied", "checkpoint"]
"""`denied`: an attempt that was refused; `checkpoint`: all records before a certain one were archived."""

Result = Literal["", "done", "rejected", "failed", "interrupted", "denied"]
"""`done`: answered 2xx or 3xx; `rejected`: 4xx; `failed`: 5xx; `interrupted`: the client left, the transfer broke or
the server ended, so that the change may have been made or not; `denied`: it never began."""

GENESIS = "0" * 64
"""What the first record of all follows."""

NOT_MADE = "AUDIT_UNAVAILABLE"
"""The code of a change that was refused because its record couldn't be written (in time)."""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of `audit_records`, and a line of an export. New fields go to the end and are empty by default, and what is
    empty isn't hashed: so what was hashed stays what it was.

    `seq`: 1, 2, 3… without gaps. `at`: UTC, microseconds. `change`: an outcome's intent. `principal` … `credential`:
    who, and by which credential. `action` … `params`: what; `target`: on what, as its handler says. `client`: from
    which address. `code`: the problem's, where there is one. `previous`, `hash`: SHA-256 in hex, of the record before
    and of this one.
    """

    kind: Kind
    seq: int = 0
    at: str = ""
    change: int | None = None
    request_id: str = ""
    principal: str = ""
    principal_name: str = ""
    method: str = ""
    credential: str = ""
    action: str = ""
    http_method: str = ""
    path: str = ""
    params: dict[str, str] = {}
    client: str = ""
    user_agent: str = ""
    target: str = ""
    status: int = 0
    result: Result = ""
    code: str = ""
    details: dict[str, Detail] = {}
    previous: str = ""
    hash: str = ""


_encoder = msgspec.json.Encoder(order="deterministic")


def digest(record: AuditRecord) -> str:
    """The hash that the record must have: SHA-256 of its JSON without `hash`, fields in their order, keys sorted,
    what is empty left out."""
    return hashlib.sha256(_encoder.encode(msgspec.structs.replace(record, hash=""))).hexdigest()


def sealed(record: AuditRecord, seq: int, previous: str) -> AuditRecord:
    """The record at its place in the chain."""
    placed = msgspec.structs.replace(record, seq=seq, previous=previous, hash="")
    return msgspec.structs.replace(placed, hash=digest(placed))


def now() -> str:
    """The present as records have it."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """A time as records have it; texts of this form sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
