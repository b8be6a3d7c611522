"""Is it G-code at all? A look at the first bytes, so that a renamed archive or picture never reaches a printer."""

from __future__ import annotations

import re

from fluxgate.errors import UnsupportedMediaError

__all__ = ["SNIFF_BYTES", "check_content"]

SNIFF_BYTES = 4096
"""How much of a file is looked at."""

_BINARY_GCODE = b"GCDE"
"""How Prusa's binary G-code (`.bgcode`) begins."""

_OTHER_MAGIC = (
    b"PK\x03\x04",  # ZIP, so 3MF and AMF too
    b"PK\x05\x06",
    b"\x1f\x8b",  # gzip
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\x89PNG",
    b"\xff\xd8\xff",  # JPEG
    b"GIF8",
    b"RIFF",
    b"%PDF",
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",  # Mach-O
    b"#!",
    _BINARY_GCODE,
)
_MARKUP = re.compile(rb"\s*<(?:\?xml|!doctype|html|svg|model)", re.IGNORECASE)
_ASCII_STL = re.compile(rb"\s*solid\b[^\n]*\n\s*(?:facet|endsolid)\b", re.IGNORECASE)


def check_content(name: str, head: bytes, *, field: str = "files") -> None:
    """Refuse content that plainly isn't G-code; `head` is its first `SNIFF_BYTES`, or all of it when it is shorter.

    Text is taken in good faith. `UnsupportedMediaError` with code `NOT_GCODE`.
    """
    if name.lower().endswith(".bgcode"):
        is_gcode = head.startswith(_BINARY_GCODE)
    else:
        is_gcode = not (
            b"\x00" in head or head.startswith(_OTHER_MAGIC) or _MARKUP.match(head) or _ASCII_STL.match(head)
        )
    if not is_gcode:
        raise UnsupportedMediaError("This file isn't G-code.", code="NOT_GCODE", field=field)
