"""What Moonraker's answers mean, whatever was asked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from fluxgate_printing.printers.base import (
    PrinterError,
    PrinterLoginError,
    PrinterOfflineError,
    PrinterOutcomeUnknown,
)
from fluxgate_printing.printers.printer_http import Answer, PrinterHttp

NEVER_SENT = "Klippy Host not connected"

# The last line of the traceback, in which the reason is that isn't in the message: its last brackets, or all of it.
_IN_BRACKETS = re.compile(r"HTTP \d+: [^(]*\((.*)\)\s*\Z", re.DOTALL)
_AFTER_NAME = re.compile(r"ServerError: ((?:.|\n)*)\Z")

T = TypeVar("T")


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    traceback: str = ""


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Error = _Error()


class _ResultBody(msgspec.Struct, frozen=True):
    result: msgspec.Raw


class MoonrakerApi(PrinterHttp):
    """Requests to a Moonraker server, with its API key if there is one. 503 to what may be asked again (no Klipper is
    connected) is for the caller to judge."""

    server = "Moonraker"

    def __init__(self, url: str, api_key: str | None, timeout: float, client: httpx.AsyncClient | None = None) -> None:
        super().__init__(url, {"X-Api-Key": api_key} if api_key else {}, timeout, client)
        self._has_key = bool(api_key)

    def error(self, answer: Answer, *, once: bool) -> PrinterError | None:
        """See `PrinterHttp`."""
        if answer.status == 401:
            return key_refused(has_key=self._has_key)
        if answer.status == 503:
            if not once:
                return None
            # Klipper was lost before the command left for it, or with the command on its way
            if reason(answer) == NEVER_SENT:
                return PrinterOfflineError("Klipper isn't running.")
            return PrinterOutcomeUnknown("Klipper was lost while it had the command.")
        return super().error(answer, once=once)

    async def upload(self, name: str, path: Path) -> Answer:
        """`POST /server/files/upload` with the file at `path`; `name` without double quotes."""
        return await self.post_file("/server/files/upload", f'filename="{name}"', path)


def key_refused(*, has_key: bool) -> PrinterLoginError:
    """What to say of a 401."""
    return PrinterLoginError(
        "Moonraker refuses the API key." if has_key else "Moonraker wants an API key, and none is configured.",
        mend="Enter Moonraker's API key (its web page shows it in the settings) as api_key, or add the gateway's"
        " address to trusted_clients in moonraker.conf.",
    )


def result(answer: Answer, shape: type[T]) -> T:
    """What is in the answer's `result`, as `shape`."""
    wrapped = answer.decode(_ResultBody)
    return Answer(answer.server, answer.status, bytes(wrapped.result)).decode(shape)


def reason(answer: Answer) -> str:
    """Moonraker's or Klipper's own words for an error, cut to a sentence's length."""
    try:
        error = msgspec.json.decode(answer.body, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = _Error()
    found = _IN_BRACKETS.search(error.traceback) or _AFTER_NAME.search(error.traceback)
    text = found[1] if found else error.message
    return " ".join(text.split())[:200] or f"status {answer.status}"
