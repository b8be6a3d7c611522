"""An upload that passes to FluxPrint, checked on its way by the rules that hold for the store: names, types, sizes.

Nothing is kept of it but a file's first bytes. What isn't allowed breaks the transfer off, so FluxPrint never gets the
end of a form that has something bad in it.
"""

from __future__ import annotations

from python_multipart.exceptions import FormParserError

from fluxgate.errors import BadRequestError, ProblemError, UnprocessableError
from fluxgate.types import RawHeaders
from fluxgate_printing.files.content import SNIFF_BYTES, check_content
from fluxgate_printing.files.form import Data, FilePart, Form
from fluxgate_printing.files.upload import boundary_of, too_large
from fluxgate_printing.settings import FileSettings

__all__ = ["UploadInspector"]


class UploadInspector:
    """One request's body. Raises the `ProblemError`s of `receive_upload`, but for those about the disk."""

    def __init__(self, headers: RawHeaders, settings: FileSettings) -> None:
        self._form = Form(boundary_of(headers), settings)
        self._settings = settings
        self._head = bytearray()
        self._size = 0
        self._files = 0

    def feed(self, data: bytes) -> None:
        """The next bytes, before they are sent on."""
        try:
            self._form.feed(data)
        except FormParserError:
            raise BadRequestError("The form can't be read.", code="FORM_MALFORMED") from None
        for event in self._form.take_events():
            try:
                if isinstance(event, Data):
                    self._take(event)
                else:
                    self._end(event.part)
            except ProblemError as problem:
                problem.field = problem.field or event.part.field
                raise

    def end(self) -> None:
        """All bytes have come; the last of them haven't been sent on yet."""
        if not self._form.finished:
            raise BadRequestError("The upload ended in the middle.", code="UPLOAD_INCOMPLETE")
        if not self._files:
            raise UnprocessableError("The upload has no file.", code="FILE_MISSING", field="files")

    def _take(self, event: Data) -> None:
        before = self._size
        self._size += len(event.content)
        if self._size > self._settings.max_bytes:
            raise too_large(self._settings)
        if before < SNIFF_BYTES:
            self._head += event.content[: SNIFF_BYTES - before]
            if len(self._head) == SNIFF_BYTES:
                self._check(event.part)

    def _end(self, part: FilePart) -> None:
        if not self._size:
            raise UnprocessableError("The file is empty.", code="FILE_EMPTY")
        if self._size < SNIFF_BYTES:
            self._check(part)
        self._head.clear()
        self._size = 0
        self._files += 1

    def _check(self, part: FilePart) -> None:
        check_content(part.name, bytes(self._head), field=part.field)
