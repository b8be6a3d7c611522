"""The database's views as read-only tables, for queries. Their SQL is in `piccolo_migrations`.

Tagged `view`, so that Piccolo's migrations leave them alone. Writing to them raises here: SQLite wouldn't say a word.
"""

from __future__ import annotations

from typing import Any, NoReturn

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Integer, Numeric, Text, Timestamptz, Varchar
from piccolo.table import Table

__all__ = ["VIEWS", "ActivePrintJob", "PrintJobHistory", "PrintJobStatsByProject"]


def _read_only(*_: Any, **__: Any) -> NoReturn:
    raise TypeError("this is a view: it can't be written to")


class _ReadOnly:
    """Comes before `Table`."""

    save = insert = update = delete = remove = create_table = alter = _read_only


class _JobColumns:
    """A job and its project's names."""

    id = UUID(primary_key=True)
    project_id = UUID(null=True)
    project_external_id = Varchar(length=255, null=True)
    project_title = Varchar(length=255, null=True)
    file_id = UUID(null=True)
    fluxprint_queue_id = Integer(null=True)
    file_name = Varchar(length=255)
    status = Varchar(length=50)
    state_detail = Text(null=True)
    outcome_unknown = Boolean()
    progress = Numeric(digits=(5, 2))
    position = Integer()
    priority = Integer()
    copies = Integer()
    queued_at = Timestamptz()
    started_at = Timestamptz(null=True)
    completed_at = Timestamptz(null=True)
    canceled_at = Timestamptz(null=True)
    estimated_time = Integer(null=True)
    actual_time = Integer(null=True)
    printer_name = Varchar(length=100, null=True)
    printer_status = Varchar(length=50, null=True)
    print_settings = JSONB()
    material_type = Varchar(length=50, null=True)
    material_color = Varchar(length=50, null=True)
    material_used = Numeric(digits=(10, 2), null=True)
    error_message = Text(null=True)
    error_timestamp = Timestamptz(null=True)
    notes = Text(null=True)
    metadata = JSONB()
    created_at = Timestamptz()
    updated_at = Timestamptz()
    created_by = Varchar(length=255, null=True)


class ActivePrintJob(_ReadOnly, _JobColumns, Table, tablename="active_print_jobs", tags=["view"]):
    """Jobs that are queued or printing."""


class PrintJobHistory(_ReadOnly, _JobColumns, Table, tablename="print_job_history", tags=["view"]):
    """Jobs that ended: completed, failed or canceled."""


class PrintJobStatsByProject(_ReadOnly, Table, tablename="print_job_stats_by_project", tags=["view"]):
    """Every project's counts and sums; `success_rate` in percent of the prints that ended by themselves."""

    project_id = UUID(primary_key=True)
    project_external_id = Varchar(length=255, null=True)
    project_title = Varchar(length=255)
    total_jobs = BigInt()
    queued_jobs = BigInt()
    printing_jobs = BigInt()
    completed_jobs = BigInt()
    failed_jobs = BigInt()
    canceled_jobs = BigInt()
    success_rate = Numeric(null=True)
    total_print_time = BigInt()
    average_print_time = Numeric(null=True)
    total_material_used = Numeric()
    last_job_at = Timestamptz(null=True)


VIEWS: tuple[type[Table], ...] = (ActivePrintJob, PrintJobHistory, PrintJobStatsByProject)
