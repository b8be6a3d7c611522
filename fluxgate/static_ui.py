"""Serves a plugin's built web UI: files by name, `index.html` for every other path, so that the UI can route by
itself. A file that isn't below `assets/` is 404 instead: a script must not turn out to be a page.

Where the same file lies there compressed (`app.js.br`, `app.js.gz`), whoever takes that gets it: nothing is compressed
while somebody waits.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import stat
from email.utils import formatdate
from pathlib import Path

from fluxgate.errors import NotFoundError
from fluxgate.plugin import StaticUI
from fluxgate.types import Receive, Scope, Send

_IMMUTABLE = b"public, max-age=31536000, immutable"
_REVALIDATE = b"no-cache"
_PIECE = 256 * 1024
_ENCODINGS = ((b"br", ".br"), (b"gzip", ".gz"))
"""The smaller first."""


class StaticUIApp:
    """ASGI app over one directory. Files below `assets/` carry a hash in their name and may be cached for ever."""

    def __init__(self, ui: StaticUI) -> None:
        self._root = ui.directory.resolve()
        self._assets = self._root / "assets"
        if not (self._root / "index.html").is_file():
            raise ValueError(f"the UI's directory has no index.html: {ui.directory.name}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one GET or HEAD."""
        wanted: str = scope["path_params"].get("path", "")
        taken = _taken(scope)
        path, served, size, modified = await asyncio.to_thread(self._find, wanted, taken)
        etag = b'"%x-%x%s"' % (int(modified * 1e6), size, served.suffix.encode() if served != path else b"")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if kind.startswith("text/") or kind == "application/javascript":
            kind += "; charset=utf-8"
        headers = [
            (b"content-type", kind.encode("ascii")),
            (b"etag", etag),
            (b"last-modified", formatdate(modified, usegmt=True).encode("ascii")),
            (b"cache-control", _IMMUTABLE if path.is_relative_to(self._assets) else _REVALIDATE),
            (b"vary", b"Accept-Encoding"),
        ]
        headers += [(b"content-encoding", name) for name, ending in _ENCODINGS if served == _beside(path, ending)]
        asked = {
            tag.strip().removeprefix(b"W/")
            for name, value in scope["headers"]
            if name == b"if-none-match"
            for tag in value.split(b",")
        }
        if etag in asked or b"*" in asked:
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        headers.append((b"content-length", b"%d" % size))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] != "HEAD":
            with await asyncio.to_thread(served.open, "rb") as file:
                while data := await asyncio.to_thread(file.read, _PIECE):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _find(self, wanted: str, taken: frozenset[bytes]) -> tuple[Path, Path, int, float]:
        """The file that is meant, the one to send (itself, or the same compressed), that one's size and time."""
        for candidate in (self._root / wanted, self._root / "index.html"):
            resolved = candidate.resolve()
            if not resolved.is_relative_to(self._root):
                break
            if _regular(resolved) is not None:
                for served in (*(_beside(resolved, ending) for name, ending in _ENCODINGS if name in taken), resolved):
                    found = _regular(served)
                    if found is not None:
                        return resolved, served, found.st_size, found.st_mtime
            if resolved.is_relative_to(self._assets):
                break
        raise NotFoundError("There is no such file.")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _regular(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _taken(scope: Scope) -> frozenset[bytes]:
    """The codings that the client takes: those it names without `q=0` (RFC 9110, 12.5.3)."""
    taken: set[bytes] = set()
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            for one in value.lower().split(b","):
                coding, _, weight = one.partition(b";")
                if weight.replace(b" ", b"").rstrip(b"0.") != b"q=":
                    taken.add(coding.strip())
    return frozenset(taken)
