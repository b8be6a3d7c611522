"""Hundreds of simulated OctoPrints in one process, each under a path of its own: what the driver asks of one and what
one tells by itself, no more. The contract suite of the drivers holds them to the real one's answers.

`python -m tests.support.octoprint_fleet [PORT]` prints its port and serves until it is ended. Any name is a printer:
`http://127.0.0.1:PORT/NAME` is made when it is first asked. `GET /starts` tells when each file's print was started.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self
from urllib.parse import unquote

import msgspec
import uvicorn

from fluxgate.types import Receive, Scope, Send

KEY = "key-of-the-simulated-octoprints"
TELLS_EVERY = 0.5
"""Seconds between what is told to a client that listens."""
PASSES = 0.1
"""Seconds that a state takes which passes by itself."""
NEXT = {"Pausing": "Paused", "Resuming": "Printing", "Cancelling": "Operational", "Finishing": "Operational"}
AMBIENT = 21.3
DEGREES_PER_SECOND = 40.0
LOGIN = {"name": "admin", "session": "of-the-simulation", "active": True, "admin": True, "user": True}
PROFILE = {"id": "_default", "name": "Default", "current": True, "heatedBed": True, "extruder": {"count": 1}}

Answer = tuple[int, object]
REFUSED: Answer = (409, {"error": "Printer is not operational or busy"})
NOTHING: Answer = (204, None)


class Heater:
    """Goes towards `target` °C, 0 being off, and is never quite still."""

    def __init__(self) -> None:
        self.target = 0.0
        self._actual = AMBIENT
        self._at = time.monotonic()

    def read(self) -> dict[str, float]:
        now = time.monotonic()
        reach = DEGREES_PER_SECOND * (now - self._at)
        self._at = now
        self._actual += max(-reach, min((self.target or AMBIENT) - self._actual, reach))
        return {"actual": round(self._actual + random.uniform(-0.3, 0.3), 2), "target": self.target, "offset": 0}


class Upload:
    """A file in multipart/form-data, as it comes: its `name`, and the `seconds` that its pauses (`G4 P…`) take."""

    def __init__(self) -> None:
        self.name = ""
        self.seconds = 0.0
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"G4 P"):
                self.seconds += int(line[4:]) / 1000
            elif b"filename*=UTF-8''" in line:
                self.name = unquote(line.partition(b"filename*=UTF-8''")[2].strip().decode())


class OctoPrint:
    """One server with its printer. What time does to it is caught up with whenever it is looked at."""

    def __init__(self) -> None:
        self.files: dict[str, float] = {}
        self.starts: dict[str, float] = {}
        self._text = "Operational"
        self._file: str | None = None
        self._printed: float | None = None
        self._heaters = {"tool0": Heater(), "bed": Heater()}
        self._seen = self._passes = time.monotonic()

    def _look(self) -> None:
        now = time.monotonic()
        if self._text == "Printing" and self._printed is not None:
            self._printed = min(self._printed + now - self._seen, self._seconds)
            if self._printed == self._seconds:
                self._go("Finishing")
        elif self._text in NEXT and now >= self._passes:
            if self._text == "Cancelling":
                self._printed = None
            self._text = NEXT[self._text]
        self._seen = now

    def _go(self, text: str) -> None:
        self._text = text
        self._passes = time.monotonic() + PASSES

    @property
    def _seconds(self) -> float:
        return max(self.files[self._file or ""], 0.1)

    @property
    def _is_idle(self) -> bool:
        return self._text == "Operational"

    def _state(self) -> dict[str, object]:
        flags = {
            "operational": True,
            "printing": self._text in {"Printing", "Pausing", "Resuming", "Cancelling", "Finishing"},
            "ready": self._is_idle,
            "closedOrError": False,
            "error": False,
            "sdReady": False,
        }
        flags |= {text.lower(): self._text == text for text in (*NEXT, "Paused")}
        return {"text": self._text, "flags": flags, "error": ""}

    def _job(self) -> dict[str, object]:
        file = {"name": self._file, "path": self._file, "display": self._file, "origin": None, "size": None}
        seconds, printed = (0.1 if self._file is None else self._seconds), self._printed
        progress = {
            "completion": None if printed is None else 100 * (printed / seconds),
            "filepos": None,
            "printTime": None if printed is None else int(printed),
            "printTimeLeft": None if printed is None else int(seconds - printed),
            "printTimeLeftOrigin": None,
        }
        job = {"file": file, "estimatedPrintTime": None, "averagePrintTime": None, "filament": None, "user": None}
        return {"state": self._text, "job": job, "progress": progress}

    def _temperature(self) -> dict[str, object]:
        return {name: heater.read() for name, heater in self._heaters.items()}

    def told(self) -> dict[str, object]:
        """What it tells by itself, as one message."""
        self._look()
        current = {
            **self._job(),
            "state": self._state(),
            "temps": [{"time": int(time.time()), **self._temperature()}],
            "currentZ": None,
            "offsets": {},
            "resends": {"count": 0, "transmitted": 0, "ratio": 0},
            "logs": [],
            "messages": [],
            "busyFiles": [],
            "markings": [],
            "serverTime": time.time(),
        }
        return {"current": current}

    def stored(self, upload: Upload) -> Answer:
        """`POST /api/files/local`, once its body is there."""
        self._look()
        if not upload.name.endswith((".gcode", ".gco", ".g")):
            return 415, {"error": "Could not upload file, invalid type"}
        if upload.name == self._file and not self._is_idle:
            return 409, {"error": "Trying to overwrite file that is currently being printed"}
        self.files[upload.name] = upload.seconds
        file = {"name": upload.name, "path": upload.name, "display": upload.name, "origin": "local"}
        return 201, {"files": {"local": file}, "done": True, "effectiveSelect": False, "effectivePrint": False}

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Any other request."""
        self._look()
        command: dict[str, object] = msgspec.json.decode(body) if body else {}
        match method, path.split("/", 4):
            case "GET", ["", "api", "version"]:
                return 200, {"api": "0.1", "server": "1.11.8", "text": "OctoPrint 1.11.8 (simulated)"}
            case "GET", ["", "api", "settings"]:
                return 200, {"webcam": {"webcamEnabled": False, "streamUrl": ""}}
            case "GET", ["", "api", "printer"]:
                return 200, {"state": self._state(), "temperature": self._temperature()}
            case "GET", ["", "api", "job"]:
                return 200, self._job()
            case "GET", ["", "api", "connection"]:
                return 200, {"current": {"state": self._text, "port": "VIRTUAL", "baudrate": 115200}}
            case "GET", ["", "api", "printerprofiles"]:
                return 200, {"profiles": {"_default": PROFILE}}
            case "POST", ["", "api", "login"]:
                return 200, LOGIN
            case "POST", ["", "api", "connection"]:
                return NOTHING
            case "POST", ["", "api", "job"]:
                return self._command(command)
            case "POST", ["", "api", "printer", what]:
                return self._control(what, command)
            case "POST", ["", "api", "files", "local", name]:
                return self._start(name)
            case "DELETE", ["", "api", "files", "local", name]:
                return self._delete(name)
        return 404, {"error": "Not found"}

    def _command(self, command: dict[str, object]) -> Answer:
        if self._is_idle:
            return REFUSED
        match command:
            case {"command": "cancel"}:
                self._go("Cancelling")
            case {"command": "pause", "action": "pause"} if self._text == "Printing":
                self._go("Pausing")
            case {"command": "pause", "action": "resume"} if self._text == "Paused":
                self._go("Resuming")
        return NOTHING

    def _control(self, what: str, command: dict[str, object]) -> Answer:
        match what, command:
            case "tool", {"targets": dict(targets)}:
                for name, target in targets.items():
                    self._heaters[name].target = float(target)
            case "bed", {"target": float() | int() as target}:
                self._heaters["bed"].target = float(target)
            case "command", {"commands": list(lines)}:
                for line in lines:
                    if line.startswith("M140 S"):
                        self._heaters["bed"].target = float(line[6:])
            case "printhead", _ if not self._is_idle:
                return REFUSED
        return NOTHING

    def _start(self, name: str) -> Answer:
        if name not in self.files:
            return 404, {"error": "Not found"}
        if not self._is_idle:
            return REFUSED
        self._text, self._file, self._printed = "Printing", name, 0.0
        self.starts[name] = time.time()
        return NOTHING

    def _delete(self, name: str) -> Answer:
        if name not in self.files:
            return 404, {"error": "Not found"}
        if name == self._file:
            if not self._is_idle:
                return 409, {"error": "Trying to delete a file that is currently in use"}
            self._file = self._printed = None
        del self.files[name]
        return NOTHING


class Fleet:
    """The ASGI app."""

    def __init__(self) -> None:
        self._printers: dict[str, OctoPrint] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/starts":
            starts = {name: when for printer in self._printers.values() for name, when in printer.starts.items()}
            await _send(send, (200, starts))
            return
        name, _, path = scope["path"].removeprefix("/").partition("/")
        printer = self._printers.setdefault(name, OctoPrint())
        if scope["type"] == "websocket":
            await _tell(printer, receive, send)
        elif (b"x-api-key", KEY.encode()) not in scope["headers"]:
            await _send(send, (403, {"error": "You don't have the permission"}))
        elif (scope["method"], path) == ("POST", "api/files/local"):
            upload = Upload()
            async for chunk in _chunks(receive):
                upload.feed(chunk)
            await _send(send, printer.stored(upload))
        else:
            body = b"".join([chunk async for chunk in _chunks(receive)])
            await _send(send, printer.answer(scope["method"], f"/{path}", body))


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _send(send: Send, answer: Answer) -> None:
    status, content = answer
    body = b"" if content is None else msgspec.json.encode(content)
    headers = [(b"content-type", b"application/json")]
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _tell(printer: OctoPrint, receive: Receive, send: Send) -> None:
    """The push socket. Nothing of the printer is told before the client has authenticated itself."""
    known = asyncio.Event()

    async def tell() -> None:
        await known.wait()
        wait = random.uniform(0, TELLS_EVERY)  # two printers don't tell their states at the same moment
        while True:
            await send({"type": "websocket.send", "text": msgspec.json.encode(printer.told()).decode()})
            await asyncio.sleep(wait)
            wait = TELLS_EVERY

    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": '{"connected": {"version": "1.11.8"}}'})
    telling = asyncio.create_task(tell())
    try:
        while (message := await receive())["type"] == "websocket.receive":
            if msgspec.json.decode(message["text"]).get("auth") == f"{LOGIN['name']}:{LOGIN['session']}":
                known.set()
    finally:
        telling.cancel()
        await asyncio.wait({telling})


class OctoPrintFleet:
    """The running process. Leaving the context ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.octoprint_fleet"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


async def _serve(port: int) -> None:
    config = uvicorn.Config(
        Fleet(),
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        backlog=4096,
        timeout_keep_alive=3600,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    sys.stdout.write(f"{server.servers[0].sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await serving


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
