"""The grammar of an upload form: which parts may come, under which names, how many. Pushed bytes in, events out, no
I/O.

The refusals here are raised while the part's headers are read, before any of its content is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from python_multipart import MultipartParser

from fluxgate.errors import BadRequestError, PayloadTooLargeError, UnprocessableError, UnsupportedMediaError
from fluxgate_printing.files.disposition import part_names
from fluxgate_printing.files.names import check_name
from fluxgate_printing.settings import FileSettings

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["Data", "FilePart", "Form", "PartEnd"]

FILE_FIELDS = frozenset({"files", "file"})
MAX_FIELDS = 32
MAX_FIELD_BYTES = 8 * 1024
_PLAIN_ENCODINGS = frozenset({b"", b"7bit", b"8bit", b"binary"})


class FilePart(msgspec.Struct, frozen=True):
    """A file in the form: the field it came in, and its checked name."""

    field: str
    name: str


class Data(msgspec.Struct, frozen=True):
    """Some of a file's content."""

    part: FilePart
    content: bytes


class PartEnd(msgspec.Struct, frozen=True):
    """The file is complete."""

    part: FilePart


class Form:
    """One form. `fields`: the text fields so far; `finished`: the final boundary has been seen."""

    def __init__(self, boundary: bytes, settings: FileSettings) -> None:
        self.fields: dict[str, str] = {}
        self.finished = False
        self._settings = settings
        self._events: list[Data | PartEnd] = []
        self._names: set[str] = set()
        self._headers: dict[bytes, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._file: FilePart | None = None
        self._field = ""
        self._text = bytearray()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, body: bytes) -> None:
        """Parse the next bytes. Raises `ProblemError`s for what isn't allowed, python-multipart's errors for what isn't
        a form.
        """
        self._parser.write(body)

    def take_events(self) -> list[Data | PartEnd]:
        """What happened to files since the last time."""
        events, self._events = self._events, []
        return events

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._file = None
        self._field = ""
        self._text.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        name = bytes(self._header_name).lower()
        if name in self._headers:
            raise BadRequestError("A header of the form is there twice.", code="HEADER_MALFORMED")
        self._headers[name] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        field, raw_name = part_names(self._headers.get(b"content-disposition", b""))
        if self._headers.get(b"content-transfer-encoding", b"").strip().lower() not in _PLAIN_ENCODINGS:
            raise UnsupportedMediaError("Files are uploaded as they are, without an encoding.", field=field)
        if raw_name is None:
            self._begin_text(field)
        else:
            self._begin_file(field, raw_name)

    def _begin_file(self, field: str, raw_name: str) -> None:
        if field not in FILE_FIELDS:
            raise UnprocessableError("Files go in the field `files`.", code="FIELD_UNEXPECTED", field=_shown(field))
        name = check_name(raw_name, self._settings.extensions, field=field)
        if len(self._names) >= self._settings.max_files:
            raise PayloadTooLargeError(
                f"An upload can have {self._settings.max_files} files at most.", code="TOO_MANY_FILES", field=field
            )
        if name in self._names:
            raise UnprocessableError(f"{name}: this name is there twice.", code="FILE_NAME_REPEATED", field=field)
        self._names.add(name)
        self._file = FilePart(field, name)

    def _begin_text(self, field: str) -> None:
        if field in FILE_FIELDS:
            raise UnprocessableError("The file has no name.", code="FILE_NAME_INVALID", field=field)
        if not field or field in self.fields:
            raise UnprocessableError(
                "A field has no name, or one that is there twice.", code="FIELD_UNEXPECTED", field=_shown(field)
            )
        if len(self.fields) >= MAX_FIELDS:
            raise PayloadTooLargeError(f"A form can have {MAX_FIELDS} text fields at most.", code="TOO_MANY_FIELDS")
        self._field = field

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._events.append(Data(self._file, data[start:end]))
            return
        if len(self._text) + end - start > MAX_FIELD_BYTES:
            raise PayloadTooLargeError(
                f"A text field can have {MAX_FIELD_BYTES} bytes at most.",
                code="FIELD_TOO_LARGE",
                field=_shown(self._field),
            )
        self._text += data[start:end]

    def _on_part_end(self) -> None:
        if self._file is not None:
            self._events.append(PartEnd(self._file))
            return
        try:
            text = self._text.decode()
        except UnicodeDecodeError:
            raise UnprocessableError(
                "The field isn't UTF-8.", code="FIELD_NOT_TEXT", field=_shown(self._field)
            ) from None
        self.fields[self._field] = text

    def _on_end(self) -> None:
        self.finished = True


def _shown(field: str) -> str:
    """A client's field name, short enough to give back."""
    return field[:100]
