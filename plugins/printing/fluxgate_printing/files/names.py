"""Which file names are taken. One rule for uploads, the queue and deletes, so that a name means the same everywhere.

A name is a label: the store addresses content by hash and never builds a path from one. But printers and FluxPrint do,
so what could leave their folder, hide, or read as something else is refused here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from fluxgate.errors import UnprocessableError, UnsupportedMediaError

__all__ = ["MAX_NAME_BYTES", "check_name"]

MAX_NAME_BYTES = 255
"""The longest name in UTF-8: what ext4, NTFS and the `file_name` column all hold."""

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They make `evil<RLO>edocg.exe` read as `evilexe.gcode`."""

_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters (NUL and U+0085 too), surrogates, line and paragraph separators."""


def check_name(raw: str, extensions: Iterable[str], *, field: str = "filename") -> str:
    """The name in NFC, if it may be used.

    `extensions`: lower case, with the dot. `field` is what an error blames. `UnprocessableError` with code
    `FILE_NAME_INVALID` or `FILE_NAME_TOO_LONG`; `UnsupportedMediaError` with code `UNSUPPORTED_FILE_TYPE` for another
    extension.
    """
    if len(raw) > 4 * MAX_NAME_BYTES:  # before any work that grows with the name
        raise _too_long(field)
    if any(unicodedata.category(char) in _REFUSED_CATEGORIES or char in _BIDI_CONTROLS for char in raw):
        raise _invalid("A file name can't contain control characters.", field)
    name = unicodedata.normalize("NFC", raw)
    _check_shape(name, field)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise _too_long(field)
    allowed = tuple(extensions)
    if not name.lower().endswith(allowed):
        raise UnsupportedMediaError(
            f"Only files of these types can be used: {', '.join(allowed)}.", code="UNSUPPORTED_FILE_TYPE", field=field
        )
    return name


def _check_shape(name: str, field: str) -> None:
    if not name.strip(". ") or not name.strip():
        raise _invalid("The file has no name.", field)
    if "/" in name or "\\" in name:
        raise _invalid("A file name can't contain a slash or a backslash.", field)
    if name.startswith("."):
        raise _invalid("A file name can't start with a dot.", field)
    if name != name.strip() or name.endswith("."):
        raise _invalid("A file name can't start or end with a space, or end with a dot.", field)


def _invalid(message: str, field: str) -> UnprocessableError:
    return UnprocessableError(message, code="FILE_NAME_INVALID", field=field)


def _too_long(field: str) -> UnprocessableError:
    return UnprocessableError(
        f"A file name can be {MAX_NAME_BYTES} bytes long at most.", code="FILE_NAME_TOO_LONG", field=field
    )
