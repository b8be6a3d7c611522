"""Where log records go: standard error, as lines for people or as JSON for collectors.

A record's text never begins a line of its own: what a client or an upstream sent can't forge a record. Secrets in it
are hidden (`redaction.py`).
"""

from __future__ import annotations

import logging
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec

from fluxgate.redaction import redact
from fluxgate.settings import GatewaySettings

REQUEST_ID: ContextVar[str] = ContextVar("fluxgate_request_id", default="")
"""The request that the current task serves; its records carry it."""

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    0x0A: "\\n",
    0x0D: "\\r",
    0x09: "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def one_line(text: str) -> str:
    """`text` with control characters and line separators escaped."""
    return text if text.isprintable() else text.translate(_CONTROL)


class ConsoleFormatter(logging.Formatter):
    """`time LEVEL logger: message [request id]`, in local time; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Part of logging.Formatter."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        line = (
            f"{stamp},{record.msecs:03.0f} {record.levelname:7} {record.name}: {one_line(redact(record.getMessage()))}"
        )
        if request_id := REQUEST_ID.get():
            line += f" [{request_id}]"
        if record.exc_info:
            trace = redact(self.formatException(record.exc_info)).splitlines()
            line = "\n    ".join([line, *(one_line(part) for part in trace)])
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a record: `time` (RFC 3339, UTC), `level`, `logger`, `message`, `request_id`, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Part of logging.Formatter."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if request_id := REQUEST_ID.get():
            entry["request_id"] = request_id
        if record.exc_info:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return msgspec.json.encode(entry).decode()


def configure_logging(settings: GatewaySettings) -> None:
    """Set up the root logger for a gateway process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else ConsoleFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # Records carry neither thread nor process names here; looking them up is a good part of a record's cost.
    logging.logThreads = False
    logging.logProcesses = False
    logging.logMultiprocessing = False
    for noisy in ("asyncio", "httpx", "uvicorn.error", "piccolo", "opentelemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
