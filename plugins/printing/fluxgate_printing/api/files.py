"""Files to print."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from fluxgate.errors import UnprocessableError
from fluxgate.plugin import AuditNotes, Principal, audit_notes
from fluxgate.types import Receive, Scope, Send
from fluxgate_printing.access import OPERATE, VIEW
from fluxgate_printing.api import docs
from fluxgate_printing.api.schemas import FileDeleted, FilesView, FileView, QuotaView, UploadedItem, UploadView
from fluxgate_printing.api.views import file_item, file_view
from fluxgate_printing.files.catalog import FileChoice, FileSort
from fluxgate_printing.files.names import check_name
from fluxgate_printing.service import PrintingService

TEBIBYTE = 1 << 40
_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off", ""})


Search = Annotated[str | None, QueryParameter(max_length=255, description="Part of the name, in any case.")]
Sort = Annotated[FileSort, QueryParameter(description="By what, with `-` downwards.")]
Limit = Annotated[int | None, QueryParameter(ge=1, le=1000, description="How many at most; all by default.")]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000, description="How many to pass over.")]
CancelJobs = Annotated[
    bool, QueryParameter(name="cancel_jobs", description="Take the jobs that need the file out of the queue.")
]


@get("/files", summary="Uploaded files", policy=VIEW, doc=docs.FILES)
async def show(
    *,
    service: NamedDependency[PrintingService],
    principal: NamedDependency[Principal],
    search: Search = None,
    sort: Sort = "-date",
    limit: Limit = None,
    offset: Offset = 0,
) -> FilesView:
    """Newest first, unless told otherwise."""
    space = await service.space(principal)
    choice = FileChoice(search=search or "", sort=sort, limit=limit, offset=offset)
    files, count = await service.shelf.choose(choice, service.callers.sees(principal))
    return FilesView(
        files=[file_item(file) for file in files],
        count=count,
        free=min(space.free, TEBIBYTE - 1),
        total=min(space.total, TEBIBYTE - 1),
        used=space.used,
        quota=None if space.quota is None else QuotaView(used=space.mine, limit=space.quota),
    )


@get("/files/{name:str}", summary="One file", policy=VIEW, doc=docs.FILE)
async def one(
    name: FromPath[str], service: NamedDependency[PrintingService], principal: NamedDependency[Principal]
) -> FileView:
    """All that is known of it."""
    return file_view(await service.file(name, principal))


@delete(
    "/files/{name:str}",
    status_code=200,
    summary="Delete an uploaded file",
    policy=OPERATE,
    action="printing.file.delete",
)
async def remove(
    *,
    name: FromPath[str],
    service: NamedDependency[PrintingService],
    audit: NamedDependency[AuditNotes],
    principal: NamedDependency[Principal],
    cancel_jobs: CancelJobs = False,
) -> FileDeleted:
    """409 while a job that waits or prints needs it; `cancel_jobs` cancels those that wait, if the caller may do that
    with all of them. A file that isn't there is no error: it is gone already."""
    checked = check_name(name, service.file_settings.extensions, field="name")
    gone, canceled = await service.delete_file(checked, principal, cancel_jobs=cancel_jobs)
    audit.note(target=f"file:{checked}", deleted=gone)
    if canceled:
        audit.note(canceled_jobs=" ".join(str(job.id) for job in canceled))
    message = f"{checked} was deleted." if gone else f"{checked} wasn't there."
    if canceled:
        message += f" {len(canceled)} job(s) were canceled."
    return FileDeleted(message=message, count=int(gone), canceled_jobs=len(canceled))


class _Wish(msgspec.Struct, frozen=True):
    """The text fields of an upload."""

    print: bool
    project_id: UUID | None


class Upload:
    """`POST /files/upload` as a raw ASGI app: the body goes from the socket to the disk without passing Litestar."""

    def __init__(self, service: PrintingService) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """201 with what was stored; with the field `print` the files are queued, and the first starts if the printer
        is free."""
        principal: Principal = scope["fluxgate.principal"]
        result, wish = await self._service.upload(scope, receive, partial(self._read_fields, principal))
        files: dict[str, UploadedItem] = {}
        audit = audit_notes(scope)
        audit.note(
            target=" ".join(f"file:{file.name}" for file in result.files),
            project=None if wish.project_id is None else str(wish.project_id),
            print=wish.print,
        )
        for file in result.files:
            audit.note(**{f"sha256 {file.name}": file.sha256})
            item = UploadedItem(name=file.name, path=file.name, size=file.size, hash=file.sha256)
            if wish.print:
                new = await self._service.new_job(
                    file.name, principal, project_id=wish.project_id, idempotency_key=None
                )
                job, _, _ = await self._service.enqueue(new, principal, start=True)
                item.queue_id = job.fluxprint_queue_id or msgspec.UNSET
                audit.note(**{f"job {file.name}": str(job.id)})
            files[file.name] = item
        body = msgspec.json.encode(UploadView(files=files))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _read_fields(self, principal: Principal, fields: dict[str, str]) -> tuple[_Wish, UUID | None]:
        wanted = fields.get("print", "").strip().lower()
        if wanted not in _YES | _NO:
            raise UnprocessableError("'print' is true or false.", code="INVALID_FIELD", field="print")
        named = fields.get("project_id") or None
        project_id = await self._service.callers.project(named, principal, to_print=True)
        return _Wish(print=wanted in _YES, project_id=project_id), project_id
