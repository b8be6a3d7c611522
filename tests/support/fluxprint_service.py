"""What the FluxPrint stand-in answers: one printer, a queue, files and a camera, in memory. `fluxprint.py` puts it on
the wire.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from PIL import Image, ImageDraw
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

BOUNDARY = b"fluxprintframe"
FRAMES_PER_SECOND = 10


@dataclass
class Answer:
    """A status, headers and a body, or a stream that ends with the connection."""

    status: str
    content_type: str
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None

    @staticmethod
    def json(value: Any, status: str = "200 OK") -> Answer:
        return Answer(status, "application/json", json.dumps(value).encode())

    def head(self, *, close: bool) -> bytes:
        lines = [f"HTTP/1.1 {self.status}", f"Content-Type: {self.content_type}", "Server: fluxprint-stand-in"]
        lines += ["Connection: close"] if close else [f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class Upload:
    """A form while it is parsed; the content of files is hashed and dropped."""

    files: list[dict[str, Any]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    finished: bool = False


class FluxPrintService:
    """The state, and one method for each route."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._queue: list[dict[str, Any]] = []
        self._files: dict[str, dict[str, Any]] = {}
        self._completed = 0
        self._printing: dict[str, Any] | None = None
        self._started = time.monotonic()

    async def answer(self, method: str, target: str, content_type: str | None, body: AsyncIterator[bytes]) -> Answer:
        path = target.partition("?")[0]
        segments = [unquote(segment) for segment in path.strip("/").split("/")]
        method = "GET" if method == "HEAD" else method
        if (method, path) == ("POST", "/api/files/upload"):
            return await self._upload(content_type or "", body)
        fixed: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "/health"): lambda: Answer.json({"status": "healthy", "service": "fluxprint"}),
            ("GET", "/api/printer/status"): lambda: Answer.json(self._status()),
            ("GET", "/api/printer/temperature"): lambda: Answer.json(self._temperature()),
            ("GET", "/api/job"): lambda: Answer.json(self._job()),
            ("GET", "/api/queue"): lambda: Answer.json(self._queue_view()),
            ("GET", "/api/files"): lambda: Answer.json(
                {"files": list(self._files.values()), "free": 50 * 10**9, "total": 100 * 10**9}
            ),
            ("GET", "/api/camera/stream"): lambda: Answer(
                "200 OK", f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}", stream=_camera()
            ),
            ("DELETE", "/api/queue"): self._clear,
        }
        if (method, path) in fixed:
            return fixed[method, path]()
        match (method, segments):
            case ("POST", ["api", "queue"]):
                return self._add(await _json(body))
            case ("POST", ["api", "queue", "reorder"]):
                return self._reorder(await _json(body))
            case ("POST", ["api", "queue", number, "start"]):
                return self._start(number)
            case ("DELETE", ["api", "queue", number]):
                return self._remove(number)
            case ("DELETE", ["api", "files", name]):
                gone = self._files.pop(name, None)
                return Answer.json({"success": True}) if gone else _missing()
            case ("POST", ["api", "slicer", "estimate"]):
                return Answer.json({"print_time_minutes": 83, "filament_used_g": 21.5})
        return _missing()

    def _temperature(self) -> dict[str, Any]:
        wobble = round((time.monotonic() - self._started) % 2, 2)
        target = (60.0, 210.0) if self._printing else (0.0, 0.0)
        actual = (59.0, 209.0) if self._printing else (22.0, 23.0)
        return {
            "bed": {"actual": actual[0] + wobble, "target": target[0]},
            "tool0": {"actual": actual[1] + wobble, "target": target[1]},
        }

    def _status(self) -> dict[str, Any]:
        printing = self._printing is not None
        flags = {"operational": True, "printing": printing, "paused": False, "ready": not printing, "error": False}
        return {
            "state": {"text": "Printing" if printing else "Operational", "flags": flags},
            "temperature": self._temperature(),
        }

    def _job(self) -> dict[str, Any]:
        name = self._printing["filename"] if self._printing else None
        tool = {"length": 1234.5, "volume": 2.97}
        return {
            "job": {"file": {"name": name}, "estimatedPrintTime": 3600 if name else None, "filament": {"tool0": tool}},
            "progress": {
                "completion": 12.5 if name else None,
                "printTime": 450 if name else None,
                "printTimeLeft": 3150 if name else None,
            },
            "state": "Printing" if name else "Operational",
        }

    def _queue_view(self) -> dict[str, Any]:
        for position, item in enumerate(self._queue, 1):
            item["position"] = position
        return {"items": self._queue, "totalJobs": len(self._queue), "completedJobs": self._completed, "failedJobs": 0}

    def _add(self, asked: Any) -> Answer:
        if not isinstance(asked, dict) or not isinstance(asked.get("filename"), str):
            return Answer.json({"error": "filename is required"}, "400 Bad Request")
        return Answer.json({"success": True, "queue_id": self._enqueue(asked["filename"])}, "201 Created")

    def _enqueue(self, filename: str) -> int:
        number = next(self._ids)
        added = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._queue.append(
            {"id": number, "filename": filename, "position": 0, "status": "queued", "addedAt": added, "progress": 0}
        )
        return number

    def _find(self, number: str) -> dict[str, Any] | None:
        return next((item for item in self._queue if str(item["id"]) == number), None)

    def _start(self, number: str) -> Answer:
        item = self._find(number)
        if item is None:
            return _missing()
        if self._printing is not None:
            return Answer.json({"error": "printer is busy"}, "409 Conflict")
        item["status"] = "printing"
        self._printing = item
        return Answer.json({"success": True, "queue_id": item["id"]})

    def _remove(self, number: str) -> Answer:
        item = self._find(number)
        if item is None:
            return _missing()
        self._queue.remove(item)
        return Answer.json({"success": True})

    def _clear(self) -> Answer:
        self._queue = [item for item in self._queue if item is self._printing]
        return Answer.json({"success": True})

    def _reorder(self, asked: Any) -> Answer:
        try:
            places = {int(item["id"]): int(item["position"]) for item in asked["items"]}
        except (TypeError, KeyError, ValueError, OverflowError):
            return Answer.json({"error": "bad items"}, "400 Bad Request")
        self._queue.sort(key=lambda item: places.get(item["id"], item["position"]))
        return Answer.json({"success": True, **self._queue_view()})

    async def _upload(self, content_type: str, body: AsyncIterator[bytes]) -> Answer:
        upload = await _read_form(content_type, body)
        if not upload.finished or not upload.files:
            return Answer.json({"error": "no file in the upload"}, "400 Bad Request")
        answered = {}
        for file in upload.files:
            self._files[file["name"]] = {
                "name": file["name"],
                "display": file["name"],
                "path": file["name"],
                "origin": "local",
                "size": file["size"],
                "date": int(time.time()),
            }
            answered[file["name"]] = {"done": True, "path": file["name"], **file}
            if upload.fields.get("print") == "true":
                answered[file["name"]]["queue_id"] = self._enqueue(file["name"])
        return Answer.json({"files": answered, "done": True}, "201 Created")


async def _read_form(content_type: str, body: AsyncIterator[bytes]) -> Upload:
    upload = Upload()
    header: dict[str, bytearray] = {"name": bytearray(), "value": bytearray()}
    part: dict[str, Any] = {}

    def begin() -> None:
        part.clear()
        part.update(disposition=b"", text=bytearray(), size=0, sha=hashlib.sha256())

    def header_end() -> None:
        if bytes(header["name"]).lower() == b"content-disposition":
            part["disposition"] = bytes(header["value"])
        header["name"].clear()
        header["value"].clear()

    def data(chunk: bytes, start: int, end: int) -> None:
        piece = chunk[start:end]
        part["size"] += len(piece)
        part["sha"].update(piece)
        part["text"] += piece[: max(0, 1024 - len(part["text"]))]

    def end() -> None:
        _, options = parse_options_header(part["disposition"])
        if b"filename" in options:
            name = options[b"filename"].decode()
            upload.files.append({"name": name, "size": part["size"], "sha256": part["sha"].hexdigest()})
        else:
            upload.fields[options.get(b"name", b"").decode()] = part["text"].decode()

    def finish() -> None:
        upload.finished = True

    parser = MultipartParser(
        parse_options_header(content_type)[1].get(b"boundary", b"none"),
        {
            "on_part_begin": begin,
            "on_header_field": lambda chunk, start, stop: header["name"].extend(chunk[start:stop]),
            "on_header_value": lambda chunk, start, stop: header["value"].extend(chunk[start:stop]),
            "on_header_end": header_end,
            "on_part_data": data,
            "on_part_end": end,
            "on_end": finish,
        },
    )
    try:
        async for piece in body:
            parser.write(piece)
    except FormParserError:
        upload.finished = False
    return upload


async def _json(body: AsyncIterator[bytes]) -> Any:
    try:
        return json.loads(b"".join([piece async for piece in body]))
    except ValueError:
        return None


def _missing() -> Answer:
    return Answer.json({"error": "not found"}, "404 Not Found")


def _frames() -> list[bytes]:
    """A bar that moves from left to right, as JPEGs."""
    frames = []
    for x in range(0, 64, 8):
        image = Image.new("RGB", (64, 48), "navy")
        ImageDraw.Draw(image).rectangle((x, 0, x + 7, 47), fill="orange")
        encoded = io.BytesIO()
        image.save(encoded, "JPEG")
        frames.append(encoded.getvalue())
    return frames


async def _camera() -> AsyncIterator[bytes]:
    for frame in itertools.cycle(_frames()):
        head = b"--%b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (BOUNDARY, len(frame))
        yield head + frame + b"\r\n"
        await asyncio.sleep(1 / FRAMES_PER_SECOND)
