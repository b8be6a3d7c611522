"""What OctoPrint's answers mean, whatever was asked."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec

from fluxgate_printing.printers.base import PrinterError, PrinterLoginError, PrinterOfflineError
from fluxgate_printing.printers.printer_http import Answer, PrinterHttp

KEY = "In OctoPrint's settings, under Application Keys, make a key for a user who may print, and enter it as api_key."


class _ErrorBody(msgspec.Struct, frozen=True):
    error: str = ""


class OctoPrintApi(PrinterHttp):
    """Requests to an OctoPrint server, with a user's API key if there is one."""

    server = "OctoPrint"

    def __init__(self, url: str, api_key: str | None, timeout: float, client: httpx.AsyncClient | None = None) -> None:
        super().__init__(url, {"X-Api-Key": api_key} if api_key else {}, timeout, client)
        self._has_key = bool(api_key)

    def error(self, answer: Answer, *, once: bool) -> PrinterError | None:
        """See `PrinterHttp`."""
        # a key that it doesn't know makes OctoPrint take a command for a browser's, which lacks a CSRF token
        if answer.status in {401, 403} or (answer.status == 400 and b"CSRF" in answer.body):
            return PrinterLoginError(
                "OctoPrint refuses the API key: it is wrong, or its user may not do this."
                if self._has_key
                else "OctoPrint wants an API key, and none is configured.",
                mend=KEY,
            )
        if answer.status == 503:
            return PrinterOfflineError("OctoPrint isn't ready (503).")
        return super().error(answer, once=once)

    async def upload(self, name: str, path: Path) -> Answer:
        """`POST /api/files/local` with the file at `path`."""
        # filename* alone carries any UTF-8 name unharmed
        disposition = f"filename=\"upload.gcode\"; filename*=UTF-8''{quote(name, safe='')}"
        return await self.post_file("/api/files/local", disposition, path)


def reason(answer: Answer) -> str:
    """OctoPrint's own words for an error, cut to a sentence's length."""
    try:
        text = msgspec.json.decode(answer.body, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = ""
    return text.strip()[:200] or f"status {answer.status}"
