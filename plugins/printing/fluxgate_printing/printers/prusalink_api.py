"""What PrusaLink's answers mean, whatever was asked, and its two ways to log in."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec

from fluxgate_printing.printers.base import PrinterError, PrinterLoginError, PrinterOfflineError, PrinterRejectedError
from fluxgate_printing.printers.printer_http import Answer, PrinterHttp
from fluxgate_printing.settings import PrusaLinkSettings


class PrusaLinkFailedError(PrinterOfflineError):
    """PrusaLink answered 500: it can't be told whether it is of use."""


class _ErrorBody(msgspec.Struct, frozen=True):
    title: str = ""
    text: str = ""


class PrusaLinkApi(PrinterHttp):
    """Requests to the server at `url`, with the settings' key, or their user by HTTP Digest."""

    server = "PrusaLink"

    def __init__(self, url: str, settings: PrusaLinkSettings, client: httpx.AsyncClient | None = None) -> None:
        key, user, password = settings.api_key, settings.username, settings.password
        headers = {"X-Api-Key": key} if key else {}
        auth = httpx.DigestAuth(user, password) if user and password and not key else None
        super().__init__(url, headers, settings.timeout, client, auth=auth)
        self._credentials = "the API key" if key else "the user name or the password" if auth else ""

    def error(self, answer: Answer, *, once: bool) -> PrinterError | None:
        """See `PrinterHttp`."""
        if answer.status in {401, 403}:
            return PrinterLoginError(
                f"PrusaLink refuses {self._credentials}."
                if self._credentials
                else "PrusaLink wants an API key, or a user name and password, and none is configured.",
                mend="Enter the API key from PrusaLink's settings as api_key, or its user as username and password; on"
                " printers with a screen both are in the menu, under Network, PrusaLink.",
            )
        if answer.status == 503:
            return PrinterOfflineError("PrusaLink isn't ready (503).")
        if answer.status >= 500 and not once:
            return PrusaLinkFailedError(f"PrusaLink failed ({answer.status}).")
        return super().error(answer, once=once)

    async def upload(self, name: str, path: Path) -> Answer:
        """`PUT` the file at `path`; it replaces one of that name, and isn't printed."""
        if self.auth is not None:
            # the body can't be sent twice, so the server's challenge is fetched, fresh, by a request that has none
            await self.call("GET", "/api/version")
        headers = {
            # application/octet-stream would have it look for the file before it is there, and fail
            "Content-Type": "text/x.gcode",
            "Overwrite": "?1",
            "Print-After-Upload": "?0",
        }
        return await self.send_file("PUT", file_path(name), path, headers)

    async def _send(self, request: httpx.Request, *, once: bool) -> Answer:
        try:
            return await super()._send(request, once=once)
        except httpx.StreamError as exc:  # it challenged a body all the same
            raise self._late(once=once) from exc
        except (KeyError, ValueError, NotImplementedError) as exc:  # a Digest challenge of another kind
            raise PrinterRejectedError("The server's way to log in isn't PrusaLink's.") from exc


def file_path(name: str) -> str:
    """The route of a file on PrusaLink's own storage."""
    return f"/api/v1/files/local/{quote(name, safe='')}"


def reason(answer: Answer) -> str:
    """PrusaLink's own words for an error, cut to a sentence's length."""
    try:
        error = msgspec.json.decode(answer.body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = _ErrorBody()
    return (error.text.strip() or error.title.strip())[:200] or f"status {answer.status}"
