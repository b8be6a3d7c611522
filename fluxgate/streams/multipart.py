"""An incremental parser for `multipart/x-mixed-replace` bodies, as cameras really send them.

Standard parsers refuse what many cameras do: boundaries declared with their dashes, no Content-Length, one padded with
spaces, bare LF as line end, junk before the first part. This one takes all of these, holds at most one part, and gives
the same parts however the bytes were cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from fluxgate.errors import FluxgateError

MAX_PART = 8 * 1024 * 1024
MAX_HEADER = 16 * 1024
MAX_BOUNDARY = 200

# What may follow a boundary on its line: `--` (the closing one) and padding.
_LINE_REST = re.compile(rb"(?:--)?[ \t]{0,64}\r?\n")
_LINE_REST_BEGUN = re.compile(rb"-{0,2}[ \t]{0,64}\r?")
_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,\s]*))""", re.IGNORECASE)


class MultipartError(FluxgateError):
    """The body isn't a multipart body within the parser's limits. The parser raises it again on every later call."""


class Part(msgspec.Struct, frozen=True):
    """One part. `headers`: names in lower case, the last of a repeated one."""

    headers: dict[str, str]
    data: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case; empty if the part names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def boundary_of(content_type: str) -> str | None:
    """The `boundary` parameter of a Content-Type value, unquoted; None if there is none."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    quoted, plain = found.groups()
    value: str = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
    return value or None


class MultipartParser:
    """Bytes in with `feed`, parts out with `next_part` until it returns None.

    `boundary`: as declared; None takes it from the first line that starts with `--`. A part without Content-Length ends
    before the next boundary line. `max_part`: bytes of one part, and of junk between parts; `max_header`: bytes of one
    part's header block. All errors are `MultipartError`. Drain it after each feed and it holds no more than one part
    and what was fed last.
    """

    def __init__(self, boundary: str | None, *, max_part: int = MAX_PART, max_header: int = MAX_HEADER) -> None:
        self._max_part = max_part
        self._max_header = max_header
        self._buffer = bytearray()
        self._start = 0  # where the current element (junk, header block, body) begins
        self._scan = 0  # nothing of interest lies between _start and here
        self._headers: dict[str, str] = {}
        self._length: int | None = None
        self._error: MultipartError | None = None
        self._core = b""
        self._dashes: tuple[int, ...] = ()
        self._step: Callable[[], Part | bool] = self._find_first_line
        if boundary is not None:
            self._set_boundary(boundary)
            self._step = self._skip_junk

    def feed(self, data: bytes) -> None:
        """Add bytes as they came."""
        if self._start:
            del self._buffer[: self._start]
            self._scan -= self._start
            self._start = 0
        self._buffer += data

    def next_part(self) -> Part | None:
        """The next complete part, or None until more is fed. Raises `MultipartError`."""
        if self._error is not None:
            raise self._error.with_traceback(None)
        try:
            while True:
                # Each step returns a part, True (an element ended: go on) or False (more bytes are needed).
                done = self._step()
                if isinstance(done, Part):
                    return done
                if not done:
                    return None
        except MultipartError as error:
            self._error = error
            self._buffer.clear()
            raise

    def _set_boundary(self, boundary: str) -> None:
        try:
            raw = boundary.encode("latin-1")
        except UnicodeEncodeError:
            raise MultipartError("The boundary isn't ASCII.") from None
        if not raw or len(raw) > MAX_BOUNDARY or b"\n" in raw:
            raise MultipartError("The boundary is empty, too long, or not one line.")
        # Lines begin with "--" and the boundary. Servers also send it as declared: with its own dashes only, or with
        # none.
        self._core = raw.lstrip(b"-")
        own = len(raw) - len(self._core)
        self._dashes = (own + 2, own)
        if not self._core:
            self._core, self._dashes = b"--" + raw, (0,)

    def _find_first_line(self) -> bool:
        """No boundary was declared: take the first line that starts with two dashes."""
        while (end := self._buffer.find(b"\n", self._scan)) >= 0:
            if end - self._start > self._max_header:
                raise MultipartError("No boundary was found.")
            line = bytes(self._buffer[self._scan : end]).rstrip(b"\r \t")
            if line.startswith(b"--") and len(line) > 2:
                self._set_boundary(line[2:].decode("latin-1"))
                self._scan = self._start
                self._step = self._skip_junk
                return True
            self._scan = end + 1
        if len(self._buffer) - self._start > self._max_header:
            raise MultipartError("No boundary was found.")
        return False

    def _skip_junk(self) -> bool:
        found = self._find_delimiter()
        begin = self._start
        position = self._scan - max(self._dashes) if found is None else found[0]
        if position - begin > self._max_part:
            raise MultipartError("Too many bytes before the next part.")
        if found is None:
            return False
        _, after, closing = found
        self._start = self._scan = after
        if not closing:
            self._step = self._read_headers
        return True

    def _read_headers(self) -> bool:
        while (end := self._buffer.find(b"\n", self._scan)) >= 0:
            line = bytes(self._buffer[self._scan : end]).rstrip(b"\r")
            self._scan = end + 1
            if self._scan - self._start > self._max_header:
                raise MultipartError("A part's header block is too long.")
            if line:
                continue
            self._parse_headers(bytes(self._buffer[self._start : self._scan]))
            self._start = self._scan
            self._step = self._read_to_delimiter if self._length is None else self._read_length
            return True
        if len(self._buffer) - self._start > self._max_header:
            raise MultipartError("A part's header block is too long.")
        return False

    def _parse_headers(self, block: bytes) -> None:
        headers: dict[str, str] = {}
        lengths: set[str] = set()
        for line in block.split(b"\n"):
            name, colon, value = line.partition(b":")
            if not colon:
                continue
            key = name.strip().lower().decode("latin-1")
            headers[key] = value.strip().decode("latin-1")
            if key == "content-length":
                lengths.add(headers[key])
        self._headers = headers
        self._length = None
        if lengths:
            text = lengths.pop()
            if lengths or not (text.isascii() and text.isdigit() and len(text) < 20):
                raise MultipartError("A part's Content-Length isn't one number.")
            self._length = int(text)
            if self._length > self._max_part:
                raise MultipartError("A part is too large.")

    def _read_length(self) -> Part | bool:
        end = self._start + (self._length or 0)
        if len(self._buffer) < end:
            return False
        return self._emit(end, end)

    def _read_to_delimiter(self) -> Part | bool:
        found = self._find_delimiter()
        if found is None:
            if self._scan - max(self._dashes) - 2 - self._start > self._max_part:
                raise MultipartError("A part is too large.")
            return False
        end = found[0]
        # The line end before the boundary belongs to the boundary.
        if end > self._start and self._buffer[end - 1] == 0x0A:
            end -= 1
            if end > self._start and self._buffer[end - 1] == 0x0D:
                end -= 1
        if end - self._start > self._max_part:
            raise MultipartError("A part is too large.")
        return self._emit(end, found[0])

    def _emit(self, end: int, after: int) -> Part:
        with memoryview(self._buffer) as view:
            part = Part(self._headers, bytes(view[self._start : end]))
        self._start = self._scan = after
        self._step = self._skip_junk
        return part

    def _find_delimiter(self) -> tuple[int, int, bool] | None:
        """The next boundary line as (its begin, the begin of the next line, whether it is the closing one); None if
        more is needed.

        Leaves `_scan` where the search must go on. The element's begin counts as the begin of a line.
        """
        buffer, core = self._buffer, self._core
        while True:
            at = buffer.find(core, self._scan)
            if at < 0:
                self._scan = max(self._scan, len(buffer) - len(core) + 1)
                return None
            begin = at
            while begin > self._start and buffer[begin - 1] == 0x2D:
                begin -= 1
            if at - begin in self._dashes and (begin == self._start or buffer[begin - 1] == 0x0A):
                after = at + len(core)
                rest = _LINE_REST.match(buffer, after)
                if rest is not None:
                    closing = buffer[after : after + 2] == b"--"
                    end = rest.end()
                    return begin, end, closing
                if _LINE_REST_BEGUN.fullmatch(buffer, after) is not None:
                    self._scan = at
                    return None
            self._scan = at + 1
