"""A multipart upload, straight from the socket into the store: no file is ever held in memory, and none is kept unless
all are good.

Each message of the request is parsed and its content handed to the store before the next one is asked for, so the disk
sets the pace.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from python_multipart.exceptions import FormParserError

from fluxgate.errors import (
    BadRequestError,
    PayloadTooLargeError,
    ProblemError,
    UnprocessableError,
    UnsupportedMediaError,
)
from fluxgate.types import Receive, Scope
from fluxgate_printing.files.content import SNIFF_BYTES, check_content
from fluxgate_printing.files.disposition import parse_parameters
from fluxgate_printing.files.form import Data, FilePart, Form, PartEnd
from fluxgate_printing.files.store import FileStore
from fluxgate_printing.files.writer import StoreWriter
from fluxgate_printing.settings import FileSettings

__all__ = ["UploadResult", "UploadedFile", "boundary_of", "receive_upload", "too_large", "upload_limit"]

FRAMING = 1024 * 1024
"""Bytes of a whole upload that aren't file content: boundaries, part headers, text fields."""


class UploadedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it was stored; `name` is checked and in NFC, the rest as in `StoredFile`."""

    name: str
    sha256: str
    size: int
    path: Path


class UploadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload brought: at least one file, in the order sent, and the text fields."""

    files: tuple[UploadedFile, ...]
    fields: dict[str, str]


def upload_limit(settings: FileSettings) -> int:
    """The largest body of an upload request, in bytes."""
    return settings.max_files * settings.max_bytes + FRAMING


async def receive_upload(scope: Scope, receive: Receive, store: FileStore, settings: FileSettings) -> UploadResult:
    """Read a `multipart/form-data` request with files in `files` or `file`, and store them: all or none.

    Every refusal is a `ProblemError` (400, 413, 415, 422, 507; 499 when the client went away); those that the headers
    already show come before the first `receive()`, those about a name before a byte of its content is stored.
    """
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    form = Form(boundary_of(headers), settings)
    _check_length(headers, settings)
    async with AsyncExitStack() as stack:
        intake = _Intake(store, settings, stack)
        received, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ProblemError("The client went away.", status=499, code="CLIENT_CLOSED_REQUEST")
            body: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            received += len(body)
            if received > upload_limit(settings):
                raise too_large(settings)
            await _parse(form, body, intake)
        if not form.finished:
            raise BadRequestError("The upload ended in the middle.", code="UPLOAD_INCOMPLETE")
        files = await intake.commit()
    return UploadResult(files=files, fields=form.fields)


class _Intake:
    """The files of one request while they come in; the exit stack removes what isn't committed."""

    def __init__(self, store: FileStore, settings: FileSettings, stack: AsyncExitStack) -> None:
        self._store = store
        self._settings = settings
        self._stack = stack
        self._current: StoreWriter | None = None
        self._head = bytearray()
        self._received: list[tuple[FilePart, StoreWriter]] = []

    async def take(self, event: Data | PartEnd) -> None:
        try:
            if isinstance(event, Data):
                await self._write(event)
            else:
                await self._end(event.part)
        except ProblemError as problem:
            problem.field = problem.field or event.part.field
            problem.message = f"{event.part.name}: {problem.message}"
            raise

    async def commit(self) -> tuple[UploadedFile, ...]:
        if not self._received:
            raise UnprocessableError("The upload has no file.", code="FILE_MISSING", field="files")
        stored = await self._store.commit_all([writer for _, writer in self._received])
        return tuple(
            UploadedFile(name=part.name, sha256=content.sha256, size=content.size, path=content.path)
            for (part, _), content in zip(self._received, stored, strict=True)
        )

    async def _write(self, event: Data) -> None:
        if self._current is not None:
            await self._current.write(event.content)
            return
        self._head += event.content
        if len(self._head) >= SNIFF_BYTES:
            await self._begin(event.part)

    async def _begin(self, part: FilePart) -> None:
        """Enough has been seen to tell G-code from other things: only now does anything touch the disk."""
        check_content(part.name, bytes(self._head[:SNIFF_BYTES]), field=part.field)
        self._current = await self._stack.enter_async_context(self._store.writer(self._settings.max_bytes))
        await self._current.write(bytes(self._head))
        self._head.clear()

    async def _end(self, part: FilePart) -> None:
        if self._current is None:
            if not self._head:
                raise UnprocessableError("The file is empty.", code="FILE_EMPTY")
            await self._begin(part)
        if self._current is not None:
            self._received.append((part, self._current))
        self._current = None


async def _parse(form: Form, body: bytes, intake: _Intake) -> None:
    try:
        form.feed(body)
    except FormParserError:
        raise BadRequestError("The form can't be read.", code="FORM_MALFORMED") from None
    finally:
        events = form.take_events()
    for event in events:
        await intake.take(event)


def boundary_of(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The form's boundary, from the request's fields. Raises BadRequestError, UnsupportedMediaError."""
    if any(name.lower() == b"content-encoding" for name, _ in headers):
        raise UnsupportedMediaError("An upload can't be compressed.", field="content-encoding")
    kinds = [value for name, value in headers if name.lower() == b"content-type"]
    if len(kinds) > 1:
        raise BadRequestError("There is more than one content type.", code="HEADER_MALFORMED", field="content-type")
    kind, parameters = parse_parameters(kinds[0]) if kinds else (b"", {})
    if kind != b"multipart/form-data":
        raise UnsupportedMediaError("Files are uploaded as multipart/form-data.", field="content-type")
    boundary = parameters.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70 or not boundary.isascii() or not boundary.decode().isprintable():  # RFC 2046 §5.1.1
        raise BadRequestError(
            "The content type names no valid boundary.", code="BOUNDARY_MISSING", field="content-type"
        )
    return boundary


def _check_length(headers: list[tuple[bytes, bytes]], settings: FileSettings) -> None:
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    if not lengths:
        return
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise BadRequestError("The content length is malformed.", code="HEADER_MALFORMED", field="content-length")
    if int(lengths[0]) > upload_limit(settings):
        raise too_large(settings)


def too_large(settings: FileSettings) -> PayloadTooLargeError:
    """What an upload over the limits is answered."""
    return PayloadTooLargeError(
        f"An upload can have {settings.max_files} files of {settings.max_bytes} bytes each at most.",
        code="FILE_TOO_LARGE",
        field="files",
    )
