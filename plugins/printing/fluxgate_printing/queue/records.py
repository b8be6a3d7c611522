"""A row of `print_jobs` as a struct, the same from SQLite as from PostgreSQL, and what a new one is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from fluxgate_printing.queue.requirements import Requirements
from fluxgate_printing.queue.states import JobStatus

__all__ = ["JobRecord", "NewJob", "job_from_row", "to_column"]


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be queued. `estimated_time` in seconds; the higher `priority` the sooner; `copies`: so many prints, each
    a job of its own. `on_hold`, `target_printer`, `requirements`, `allowed_printers` as in `tables.py`.

    `idempotency_key`: a second job with the same key isn't made. `created_by`: the id of the caller whose job it is.
    """

    file_name: str
    file_id: UUID | None = None
    file_path: str | None = None
    project_id: UUID | None = None
    priority: int = 0
    copies: int = 1
    estimated_time: int | None = None
    print_settings: dict[str, Any] = {}
    material_type: str | None = None
    material_color: str | None = None
    notes: str | None = None
    metadata: dict[str, Any] = {}
    idempotency_key: str | None = None
    created_by: str | None = None
    on_hold: bool = False
    hold_reason: str | None = None
    target_printer: str | None = None
    requirements: Requirements | None = None
    allowed_printers: frozenset[str] | None = None


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was when it was read; the columns are described in `tables.py`. Times are in UTC."""

    id: UUID
    project_id: UUID | None
    file_id: UUID | None
    fluxprint_queue_id: int | None
    file_name: str
    file_path: str | None
    status: JobStatus
    state_detail: str | None
    outcome_unknown: bool
    progress: float
    position: int
    priority: int
    copies: int
    queued_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    canceled_at: datetime | None
    estimated_time: int | None
    actual_time: int | None
    printer_name: str | None
    printer_status: str | None
    print_settings: dict[str, Any]
    material_type: str | None
    material_color: str | None
    material_used: float | None
    error_message: str | None
    error_timestamp: datetime | None
    notes: str | None
    metadata: dict[str, Any]
    idempotency_key: str | None
    created_by: str | None
    batch_id: UUID | None
    copy_number: int
    on_hold: bool
    hold_reason: str | None
    target_printer: str | None
    requirements: Requirements | None
    allowed_printers: frozenset[str] | None
    created_at: datetime
    updated_at: datetime


def _time(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _uuid(value: UUID | str) -> UUID:
    # asyncpg's is a subclass of its own
    return UUID(str(value))


def _json(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, (str, bytes)) else value


_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("id", "project_id", "file_id", "batch_id"), _uuid),
    **dict.fromkeys(("progress", "material_used"), float),
    **dict.fromkeys(("print_settings", "metadata"), _json),
    **dict.fromkeys(
        (
            "queued_at",
            "started_at",
            "completed_at",
            "canceled_at",
            "error_timestamp",
            "created_at",
            "updated_at",
        ),
        _time,
    ),
    **dict.fromkeys(("outcome_unknown", "on_hold"), bool),
    "requirements": lambda value: msgspec.convert(_json(value), Requirements),
    "allowed_printers": lambda value: frozenset(_json(value)),
}


def job_from_row(row: Mapping[str, Any]) -> JobRecord:
    """A whole row of `print_jobs`, decoded by the driver or not."""
    return JobRecord(
        **{
            name: _DECODERS[name](row[name]) if name in _DECODERS and row[name] is not None else row[name]
            for name in JobRecord.__struct_fields__
        }
    )


def to_column(value: object) -> object:
    """A value as both drivers take it: JSON as text, numbers with a fraction as `Decimal`."""
    if isinstance(value, frozenset):
        value = sorted(value)
    if isinstance(value, dict | list | msgspec.Struct):
        return msgspec.json.encode(value).decode()
    if isinstance(value, float):
        return Decimal(str(round(value, 2)))
    return value
