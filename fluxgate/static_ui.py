"""Serves a plugin's built web UI: files by name, `index.html` for every other path, so that the UI can route by
itself. A file that isn't below `assets/` is 404 instead: a script must not turn out to be a page."""

from __future__ import annotations

import asyncio
import mimetypes
import stat
from email.utils import formatdate
from pathlib import Path

from fluxgate.errors import NotFoundError
from fluxgate.plugin import StaticUI
from fluxgate.types import Receive, Scope, Send

_IMMUTABLE = b"public, max-age=31536000, immutable"
_REVALIDATE = b"no-cache"
_PIECE = 256 * 1024


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
        path, size, modified = await asyncio.to_thread(self._find, wanted)
        etag = b'"%x-%x"' % (int(modified * 1e6), size)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if kind.startswith("text/") or kind == "application/javascript":
            kind += "; charset=utf-8"
        headers = [
            (b"content-type", kind.encode("ascii")),
            (b"etag", etag),
            (b"last-modified", formatdate(modified, usegmt=True).encode("ascii")),
            (b"cache-control", _IMMUTABLE if path.is_relative_to(self._assets) else _REVALIDATE),
        ]
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
            with await asyncio.to_thread(path.open, "rb") as file:
                while data := await asyncio.to_thread(file.read, _PIECE):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _find(self, wanted: str) -> tuple[Path, int, float]:
        for candidate in (self._root / wanted, self._root / "index.html"):
            resolved = candidate.resolve()
            if not resolved.is_relative_to(self._root):
                break
            try:
                found = resolved.stat()
            except OSError:
                found = None
            if found is not None and stat.S_ISREG(found.st_mode):
                return resolved, found.st_size, found.st_mtime
            if resolved.is_relative_to(self._assets):
                break
        raise NotFoundError("There is no such file.")
