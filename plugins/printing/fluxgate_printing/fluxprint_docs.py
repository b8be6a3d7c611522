"""What `/-/openapi.json` says of the routes that FluxPrint answers: its shapes are its own, so examples and no more."""

from __future__ import annotations

import msgspec

from fluxgate.plugin import Body, RouteDoc
from fluxgate_printing.api import docs

__all__ = ["FORWARDED"]


class _Add(msgspec.Struct, kw_only=True):
    filename: str
    print: bool = False


class _Place(msgspec.Struct):
    id: int
    position: int


class _Reorder(msgspec.Struct):
    items: list[_Place]


def _forwarded(native: RouteDoc, *, request: Body | None = None, status: int = 200) -> RouteDoc:
    example = native.response.example if native.response is not None else None
    return RouteDoc(
        description="Forwarded to the FluxPrint service; what it answers comes back as it is.",
        request=request,
        response=Body(schema={"type": "object"}, example=example),
        status=status,
    )


_COMMAND = RouteDoc(
    description="Forwarded to the FluxPrint service; what it answers comes back as it is.",
    response=Body(schema={"type": "object"}, example={"success": True}),
)
_ADD = Body(type=_Add, example=_Add(filename="bracket.gcode", print=True))
_REORDER = Body(type=_Reorder, example=_Reorder(items=[_Place(id=12, position=1), _Place(id=11, position=2)]))
_UPLOAD = Body(media_type="multipart/form-data", schema=docs.UPLOAD_BODY)

FORWARDED: dict[str, RouteDoc] = {
    "printer_status": _forwarded(docs.STATUS),
    "job": _forwarded(docs.JOB),
    "queue": _forwarded(docs.QUEUE),
    "files": _forwarded(docs.FILES),
    "temperature": _forwarded(docs.TEMPERATURE),
    "queue_add": _forwarded(docs.QUEUE_ADD, request=_ADD, status=201),
    "file_upload": _forwarded(docs.UPLOAD, request=_UPLOAD, status=201),
    "queue_reorder": _forwarded(docs.QUEUE, request=_REORDER),
    "queue_clear": _COMMAND,
    "queue_remove": _COMMAND,
    "queue_start": _forwarded(docs.QUEUE_START),
    "file_delete": _COMMAND,
}
"""By route name."""
