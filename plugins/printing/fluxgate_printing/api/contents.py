"""What is in a file: its bytes, whole or in part, and its picture. Raw ASGI apps: the bytes go from the disk to the
socket a piece at a time, as fast as the client takes them."""

from __future__ import annotations

import asyncio
import re
from typing import BinaryIO
from urllib.parse import parse_qs

from fluxgate.errors import BadRequestError, NotFoundError
from fluxgate.types import RawHeaders, Scope, Send
from fluxgate_printing.api.schemas import MAX_SIDE
from fluxgate_printing.files.disposition import attachment
from fluxgate_printing.files.ranges import is_unchanged, wanted_range
from fluxgate_printing.files.thumbnails import best_thumbnail, read_thumbnail
from fluxgate_printing.service import PrintingService

__all__ = ["download", "thumbnail"]

PIECE = 256 * 1024


async def download(service: PrintingService, scope: Scope, send: Send) -> None:
    """GET and HEAD of a content: 200, 206, 304, 412, 416."""
    file = await service.file(scope["path_params"]["name"], scope["fluxgate.principal"])
    etag = b'"%b"' % file.sha256.encode()
    headers = [*_cached(etag), (b"accept-ranges", b"bytes"), (b"x-content-type-options", b"nosniff")]
    if is_unchanged(scope["headers"], etag):
        await _answer(send, 304, headers)
        return
    part = wanted_range(scope["headers"], etag, file.size) if scope["method"] == "GET" else None
    start, stop = part or (0, file.size)
    headers += [
        (b"content-type", b"text/x.gcode"),
        (b"content-disposition", attachment(file.name)),
        (b"content-length", b"%d" % (stop - start)),
    ]
    if part is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, file.size)))
    content = await service.shelf.store.open(file.sha256)
    try:
        await send({"type": "http.response.start", "status": 200 if part is None else 206, "headers": headers})
        if scope["method"] == "GET":
            await _send_piece_by_piece(content, start, stop, scope, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        content.close()


async def thumbnail(service: PrintingService, scope: Scope, send: Send) -> None:
    """GET and HEAD of the picture that fits `?size=` best. NotFoundError THUMBNAIL_NOT_FOUND."""
    size = _size(scope["query_string"])
    file = await service.shelf.analysed(await service.file(scope["path_params"]["name"], scope["fluxgate.principal"]))
    missing = NotFoundError(f"{file.name} has no picture.", code="THUMBNAIL_NOT_FOUND", field="name")
    best = best_thumbnail(file.known.thumbnails, size)
    if best is None:
        raise missing
    etag = b'"%b-%d"' % (file.sha256.encode(), best.offset)
    headers = [*_cached(etag), (b"x-content-type-options", b"nosniff")]
    if is_unchanged(scope["headers"], etag):
        await _answer(send, 304, headers)
        return
    try:
        picture = await asyncio.to_thread(read_thumbnail, service.shelf.store.path(file.sha256), best)
    except FileNotFoundError:
        picture = None
    if picture is None:
        raise missing
    headers += [(b"content-type", b"image/%b" % best.format.encode()), (b"content-length", b"%d" % len(picture))]
    await _answer(send, 200, headers, b"" if scope["method"] == "HEAD" else picture)


async def _send_piece_by_piece(content: BinaryIO, start: int, stop: int, scope: Scope, send: Send) -> None:
    gone = asyncio.Event()
    on_disconnect = scope.get("fluxgate.on_disconnect")
    if on_disconnect is not None:
        on_disconnect(gone.set)
    content.seek(start)
    while start < stop and not gone.is_set():
        piece = await asyncio.to_thread(content.read, min(PIECE, stop - start))
        if not piece:
            raise OSError("a stored content is shorter than its row says")
        start += len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": True})


def _size(query: bytes) -> int | None:
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("size")
    if values is None:
        return None
    if re.fullmatch("[0-9]{1,9}", values[-1]) is None or not 1 <= int(values[-1]) <= MAX_SIDE:
        raise BadRequestError(
            f"The size is a number of pixels from 1 to {MAX_SIDE}.", code="INVALID_SIZE", field="size"
        )
    return int(values[-1])


async def _answer(send: Send, status: int, headers: RawHeaders, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _cached(etag: bytes) -> RawHeaders:
    """A name may have another content the next time: ask again, and be told 304."""
    return [(b"etag", etag), (b"cache-control", b"private, no-cache")]
