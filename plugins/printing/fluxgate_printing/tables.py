"""The plugin's tables. Integrity that Piccolo's columns can't say (checks, partial indexes, views) is in
`piccolo_migrations`.

`projects`, `project_members` and `files` are FluxStudio's; these minimal ones let the foreign keys hold standing alone.

All times are with time zone, in UTC. Progress is percent, times are seconds, material is grams, sizes are bytes.
"""

from __future__ import annotations

from decimal import Decimal

from piccolo.columns import (
    JSONB,
    UUID,
    BigInt,
    Boolean,
    ForeignKey,
    Integer,
    Numeric,
    OnDelete,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

__all__ = ["TABLES", "File", "PrintJob", "PrintJobCounter", "PrintPrinter", "Project", "ProjectMember"]


class Project(Table, tablename="projects"):
    """A project of FluxStudio. `external_id`: its own id there (cuid text)."""

    id = UUID(primary_key=True, default=UUID4())
    external_id = Varchar(length=255, unique=True, null=True, default=None)
    title = Varchar(length=255)
    owner = Varchar(length=255, null=True, default=None)
    created_at = Timestamptz()


class ProjectMember(Table, tablename="project_members"):
    """Who may do what in a project. `user_id`: the caller's subject; `role`: owner, manager, editor or viewer."""

    id = UUID(primary_key=True, default=UUID4())
    project_id = ForeignKey(references=Project, null=False, on_delete=OnDelete.cascade)
    user_id = Varchar(length=255)
    role = Varchar(length=20, default="viewer")
    created_at = Timestamptz()


class File(Table, tablename="files"):
    """One version of an uploaded file. The bytes are in the content-addressed store under `sha256`.

    At most one row of a name has `deleted_at` null: the file of that name. A version that a job refers to keeps its
    row when it is
    replaced or removed.
    """

    id = UUID(primary_key=True, default=UUID4())
    project_id = ForeignKey(references=Project, null=True, default=None, on_delete=OnDelete.set_null)
    name = Varchar(length=255)
    storage_key = Text()
    sha256 = Varchar(length=64)
    size = BigInt()
    content_type = Varchar(length=255, null=True, default=None)
    analysis = JSONB(null=True, default=None)
    uploaded_by = Varchar(length=255, null=True, default=None)
    created_at = Timestamptz()
    deleted_at = Timestamptz(null=True, default=None)


class PrintJob(Table, tablename="print_jobs"):
    """One print. `status` moves as `queue/states.py` says and in no other way.

    `fluxprint_queue_id`: the number that clients know the job by; FluxPrint's own for jobs it accepted (it may reuse
    them), else from `PrintJobCounter`, never reused. Queued jobs are served by `position`, lowest first: a sort key,
    not
    a rank. A new job goes behind all of its own or a higher `priority`; after that only people reorder.

    `outcome_unknown`: the job is `printing` as far as anybody knows, but whether the printer took the start command
    isn't known; it is held
    for reconciliation or a person, and `state_detail` says why. `state_detail` also says why a job was put back into
    the queue.
    """

    id = UUID(primary_key=True, default=UUID4())
    project_id = ForeignKey(references=Project, null=True, default=None, on_delete=OnDelete.set_null)
    file_id = ForeignKey(references=File, null=True, default=None, on_delete=OnDelete.set_null)
    fluxprint_queue_id = Integer(null=True, default=None)
    file_name = Varchar(length=255)
    file_path = Text(null=True, default=None)
    status = Varchar(length=50, default="queued")
    state_detail = Text(null=True, default=None)
    outcome_unknown = Boolean(default=False)
    progress = Numeric(digits=(5, 2), default=Decimal(0))
    position = Integer(default=0)
    priority = Integer(default=0)
    copies = Integer(default=1)
    queued_at = Timestamptz()
    started_at = Timestamptz(null=True, default=None)
    completed_at = Timestamptz(null=True, default=None)
    canceled_at = Timestamptz(null=True, default=None)
    estimated_time = Integer(null=True, default=None)
    actual_time = Integer(null=True, default=None)
    printer_name = Varchar(length=100, null=True, default=None)
    printer_status = Varchar(length=50, null=True, default=None)
    print_settings = JSONB()
    material_type = Varchar(length=50, null=True, default=None)
    material_color = Varchar(length=50, null=True, default=None)
    material_used = Numeric(digits=(10, 2), null=True, default=None)
    error_message = Text(null=True, default=None)
    error_timestamp = Timestamptz(null=True, default=None)
    notes = Text(null=True, default=None)
    metadata = JSONB()
    idempotency_key = Varchar(length=255, unique=True, null=True, default=None)
    created_by = Varchar(length=255, null=True, default=None)
    batch_id = UUID(null=True, default=None)
    copy_number = Integer(default=1)
    on_hold = Boolean(default=False)
    hold_reason = Text(null=True, default=None)
    target_printer = Varchar(length=100, null=True, default=None)
    requirements = JSONB(null=True, default=None)
    allowed_printers = JSONB(null=True, default=None)
    created_at = Timestamptz()
    updated_at = Timestamptz()


class PrintPrinter(Table, tablename="print_printers"):
    """What has to be known of a printer after a restart. A printer without a row has printed nothing yet.

    `bed`: why nobody may take its bed for clear (`completed`, `failed`, `canceled`, `unattended`); null: it is clear.
    A trigger writes it, with the job, in the same transaction that ends a job whose start command had left; it stays
    until a person (`cleared_by`) says that the bed is clear. `auto_start`: whether it takes jobs by itself, null: as
    configured. `used_seconds`: spent printing. `material_*`: the spool that is loaded, `material_grams` what is left of
    it, null where nobody said. `enabled`: whether the gateway has to do with it, null: as if true; `is_default`: the
    one that routes without a name speak of, instead of the configured one.
    """

    name = Varchar(length=100, primary_key=True)
    bed = Varchar(length=20, null=True, default=None)
    bed_job_id = UUID(null=True, default=None)
    bed_since = Timestamptz(null=True, default=None)
    cleared_by = Varchar(length=255, null=True, default=None)
    cleared_at = Timestamptz(null=True, default=None)
    auto_start = Boolean(null=True, default=None)
    used_seconds = BigInt(default=0)
    material_type = Varchar(length=50, null=True, default=None)
    material_color = Varchar(length=50, null=True, default=None)
    material_grams = Numeric(digits=(10, 2), null=True, default=None)
    enabled = Boolean(null=True, default=None)
    is_default = Boolean(default=False)
    updated_at = Timestamptz()


class PrintPrinterSettings(Table, tablename="print_printer_settings"):
    """A printer that was added by API: what else stands in `[plugins.printing.printers.<name>]`.

    `settings` without what is secret; that is in `secrets`, an object as JSON, sealed by the gateway's vault; null:
    there is none. `revision` grows by one with each change.
    """

    name = Varchar(length=100, primary_key=True)
    settings = JSONB()
    secrets = Text(null=True, default=None)
    revision = Integer(default=1)
    created_by = Varchar(length=255, null=True, default=None)
    created_at = Timestamptz()
    updated_by = Varchar(length=255, null=True, default=None)
    updated_at = Timestamptz()


class PrintJobCounter(Table, tablename="print_job_counters"):
    """The last number given out. Its one row, `queue_id`, is also the lock that orders everything that changes the
    queue's order."""

    name = Varchar(length=50, primary_key=True)
    value = Integer(default=0)


TABLES: tuple[type[Table], ...] = (
    Project,
    ProjectMember,
    File,
    PrintJob,
    PrintPrinter,
    PrintPrinterSettings,
    PrintJobCounter,
)
