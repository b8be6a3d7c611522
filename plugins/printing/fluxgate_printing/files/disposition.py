"""Reading `Content-Type` and a part's `Content-Disposition` as browsers, curl and OctoPrint's clients really write
them, and writing the latter so that all of them read it.

The parsers at hand decode as Latin-1, drop `filename*` and quietly strip what looks like a Windows path: UTF-8 names
come out garbled, and a bad name turns into a good one before anybody has judged it.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from fluxgate.errors import BadRequestError, UnprocessableError

__all__ = ["attachment", "parse_parameters", "part_names"]

_PARAMETER = re.compile(
    rb"""[ \t]*;[ \t]*
    (?: ([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*
        (?: "((?:[^"\\]|\\.)*)" | ([^;"]*) )
    )?[ \t]*""",
    re.VERBOSE | re.DOTALL,
)
_NOT_PLAIN = re.compile(r"[^ !#$&-\[\]-~]")
_QUOTED_PAIR = re.compile(rb'\\(["\\])')


def parse_parameters(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """`form-data; name="a"` → `(b"form-data", {b"name": b"a"})`; both kinds of name in lower case, values as the bytes
    that came.

    `BadRequestError` with code `HEADER_MALFORMED` if it can't be read or says a thing twice.
    """
    kind, separator, _ = value.partition(b";")
    parameters: dict[bytes, bytes] = {}
    position = len(kind)
    while separator and position < len(value):
        match = _PARAMETER.match(value, position)
        if match is None or match.end() == position:
            raise _malformed()
        position = match.end()
        name, quoted, token = match.groups()
        if name is None:
            continue
        if name.lower() in parameters:
            raise _malformed()
        parameters[name.lower()] = token.strip() if quoted is None else _QUOTED_PAIR.sub(rb"\1", quoted)
    return kind.strip().lower(), parameters


def part_names(disposition: bytes) -> tuple[str, str | None]:
    """A part's field name and its file name, None if it has none.

    `filename` is raw UTF-8 (RFC 7578), with `%22`, `%0D` and `%0A` for what browsers escape; `filename*` (RFC 8187)
    wins if both are there. `BadRequestError` when the header is malformed, `UnprocessableError` `FILE_NAME_INVALID`
    when a file name isn't UTF-8.
    """
    kind, parameters = parse_parameters(disposition)
    name = parameters.get(b"name")
    if kind != b"form-data" or name is None:
        raise _malformed()
    field = name.decode("utf-8", "replace")
    extended, plain = parameters.get(b"filename*"), parameters.get(b"filename")
    try:
        if extended is not None:
            return field, _extended(extended)
        if plain is not None:
            return field, _unescape(plain).decode()
    except UnicodeDecodeError:
        raise UnprocessableError("The file name isn't UTF-8.", code="FILE_NAME_INVALID", field=field) from None
    return field, None


def attachment(name: str) -> bytes:
    """`Content-Disposition` for a file to be saved under a checked name (RFC 6266): for old clients in ASCII too."""
    plain = _NOT_PLAIN.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}".encode("ascii")


def _unescape(plain: bytes) -> bytes:
    for escaped, byte in ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n")):
        plain = plain.replace(escaped, byte)
    return plain


def _extended(value: bytes) -> str:
    charset, first, rest = value.partition(b"'")
    _language, second, encoded = rest.partition(b"'")
    if not (first and second) or charset.lower() != b"utf-8":
        raise _malformed()
    return unquote_to_bytes(encoded).decode()


def _malformed() -> BadRequestError:
    return BadRequestError("A header of the form can't be read.", code="HEADER_MALFORMED")
