"""Which jobs FluxPrint accepted, read from an exchange that passed through the gateway.

An accepted job must not be lost, so nothing here insists: what can't be understood is left out of the job, not the job
out of the records. Everything comes out fit for both databases: no NUL, no name longer than its column, no number
larger than INTEGER.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

import msgspec

from fluxgate.proxy.route import Exchange
from fluxgate_printing.journal import AcceptedJob

__all__ = ["accepted_by_queue", "accepted_by_upload", "project_named"]

_MAX_NAME = 255
_MAX_QUEUE_ID = 2**31 - 1
_MAX_DECODED = 1024 * 1024
_MAX_DEPTH = 32
_SETTINGS_OBJECTS = ("print_settings", "printSettings", "settings", "config")
_SETTINGS_KEYS = ("material", "quality", "copies", "supports", "infill", "notes", "priority", "print")

Source = Literal["queue", "upload"]


def accepted_by_queue(exchange: Exchange) -> list[AcceptedJob]:
    """The job of a `POST /queue`: one for every success, with a queue id where the answer has one."""
    if not 200 <= exchange.status < 300:
        return []
    asked = _object(exchange.request_body)
    answered = _object(_plain(exchange))
    queue_id = _queue_id(answered, "queue_id", "queueId", "id")
    if queue_id is None and answered.get("success") is False:
        return []
    name = _text(asked, "filename", "fileName", "name") or _text(answered, "filename", "fileName", "name")
    return [_job(exchange, "queue", queue_id, name, asked)]


def accepted_by_upload(exchange: Exchange) -> list[AcceptedJob]:
    """The jobs of an upload: one for every queue id in `{files: {name: {queue_id?}}, queue_id?}`; none if nothing was
    queued.
    """
    if not 200 <= exchange.status < 300:
        return []
    answered = _object(_plain(exchange))
    files = _files(answered)
    jobs: dict[int, AcceptedJob] = {}
    for name, file in files:
        queue_id = _queue_id(file, "queue_id", "queueId")
        if queue_id is not None and queue_id not in jobs:
            jobs[queue_id] = _job(exchange, "upload", queue_id, name, {**answered, **file})
    queue_id = _queue_id(answered, "queue_id", "queueId")
    if queue_id is not None and queue_id not in jobs:
        first = files[0][0] if files else _text(answered, "filename", "fileName", "name")
        jobs[queue_id] = _job(exchange, "upload", queue_id, first, answered)
    return list(jobs.values())


def project_named(body: bytes) -> str | None:
    """The project for which a `POST /queue` asks."""
    return _project(_object(body))


def _project(said: dict[str, Any]) -> str | None:
    return _text(said, "project_id", "projectId")


def _job(
    exchange: Exchange, source: Source, queue_id: int | None, file_name: str | None, said: dict[str, Any]
) -> AcceptedJob:
    settings = {key: said[key] for key in _SETTINGS_KEYS if key in said}
    for key in _SETTINGS_OBJECTS:
        if isinstance(said.get(key), dict):
            settings.update(said[key])
    return AcceptedJob(
        entry_id=uuid4(),
        queue_id=queue_id,
        file_name=(file_name or "unknown")[:_MAX_NAME],
        project_id=_project(said),
        print_settings=_storable(settings),
        metadata={"request_id": exchange.request_id},
        accepted_at=datetime.now(UTC),
        source=source,
        created_by=exchange.principal.id or None,
        any_project=False,
    )


def _files(answered: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """`{name: {…}}` or `[{name, …}]`."""
    files = answered.get("files")
    if isinstance(files, dict):
        return [(_clean(name), file) for name, file in files.items() if isinstance(file, dict)]
    if isinstance(files, list):
        return [(_text(file, "name", "filename") or "", file) for file in files if isinstance(file, dict)]
    return []


def _plain(exchange: Exchange) -> bytes | None:
    """The answer without its content coding; None when it was too long or can't be decoded."""
    body = exchange.response_body
    codings = [value.lower() for name, value in exchange.response_headers if name.lower() == b"content-encoding"]
    if body is None or codings in ([], [b"identity"]):
        return body
    if codings not in ([b"gzip"], [b"deflate"]):
        return None
    try:
        return zlib.decompressobj(wbits=47).decompress(body, _MAX_DECODED)
    except zlib.error:
        return None


def _object(body: bytes | None) -> dict[str, Any]:
    """The JSON object in `body`; empty when there is none."""
    try:
        decoded = msgspec.json.decode(body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _queue_id(said: dict[str, Any], *keys: str) -> int | None:
    for key in keys:
        value = said.get(key)
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) <= 20:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_QUEUE_ID:
            return value
    return None


def _text(said: dict[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = said.get(key)
        if isinstance(value, str) and value.strip():
            return _clean(value.strip())[:_MAX_NAME]
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:_MAX_NAME]
    return None


def _clean(text: str) -> str:
    """PostgreSQL stores neither NUL nor lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _storable(value: Any, depth: int = 0) -> Any:
    """The same JSON value with every text cleaned, and None below what anybody means seriously."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(str(key)): _storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item, depth + 1) for item in value]
    return value
