"""Uploads that no backend takes, and how to send them: whatever is in their headers."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from plugins.printing.tests.e2e.backends import SHORT
from tests.support.printing_gateway import UPLOAD, PrintingGateway

MAX_BYTES = 64 * 1024
LIMITS = f"\n[plugins.printing.files]\nmax_bytes = {MAX_BYTES}\nmax_files = 3\n"
BOUNDARY = "----boundary"

BAD_NAMES = [
    ("../x.gcode", 422, "FILE_NAME_INVALID"),
    ("..", 422, "FILE_NAME_INVALID"),
    ("a/b.gcode", 422, "FILE_NAME_INVALID"),
    ("a\\b.gcode", 422, "FILE_NAME_INVALID"),
    ("C:\\a.gcode", 422, "FILE_NAME_INVALID"),
    (".gcode", 422, "FILE_NAME_INVALID"),
    ("a\0b.gcode", 422, "FILE_NAME_INVALID"),
    ("a\nb.gcode", 422, "FILE_NAME_INVALID"),
    ("a\x1bb.gcode", 422, "FILE_NAME_INVALID"),
    ("a\x85b.gcode", 422, "FILE_NAME_INVALID"),
    ("a\u202eb.gcode", 422, "FILE_NAME_INVALID"),
    ("ü" * 125 + ".gcode", 422, "FILE_NAME_TOO_LONG"),
    ("x" * 250 + ".gcode", 422, "FILE_NAME_TOO_LONG"),
    ("a.exe", 415, "UNSUPPORTED_FILE_TYPE"),
    ("a.gcode.txt", 415, "UNSUPPORTED_FILE_TYPE"),
    ("gcode", 415, "UNSUPPORTED_FILE_TYPE"),
]
"""File name, status, code."""

BAD_CONTENTS = [
    (b"", 422, "FILE_EMPTY"),
    (b"G1 X1\n" * (MAX_BYTES // 6 + 1), 413, "FILE_TOO_LARGE"),
    (b"\x89PNG\r\n\x1a\n" + bytes(100), 415, "NOT_GCODE"),
]
"""Content, status, code."""


def form(*parts: tuple[str, bytes]) -> bytes:
    """Parts as (the parameters of the disposition, content), whatever is in them."""
    pieces = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {parameters}\r\n\r\n".encode() + content + b"\r\n"
        for parameters, content in parts
    ]
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def send(gateway: PrintingGateway, body: bytes) -> httpx.Response:
    return gateway.request(
        "POST", UPLOAD, content=body, headers={"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    )


def named(name: str) -> str:
    return f"name=\"files\"; filename*=UTF-8''{quote(name, safe='')}"


def bad_forms() -> list[tuple[bytes, int, str]]:
    """Body, status, code."""
    good = form((named("good.gcode"), SHORT))
    return [
        (good[:-20], 400, "UPLOAD_INCOMPLETE"),
        (form(('name="other"', b"x")), 422, "FILE_MISSING"),
        (form((named("a.gcode"), SHORT), (named("a.gcode"), SHORT + b";2\n")), 422, "FILE_NAME_REPEATED"),
        (form(*((named(f"{number}.gcode"), SHORT) for number in range(4))), 413, "TOO_MANY_FILES"),
        (form(('name="upload"; filename="a.gcode"', SHORT)), 422, "FIELD_UNEXPECTED"),
        (b"no form at all", 400, "FORM_MALFORMED"),
    ]
