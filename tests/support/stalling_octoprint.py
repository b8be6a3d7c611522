"""A raw server in front of a state that a test sets: OctoPrint's answers where the wire matters, such as a start
command that is taken and never answered. Everything that a real OctoPrint can be made to do is tested with a real one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class StallingOctoPrint:
    """What the server answers, and what it got. `stall`: ends of paths whose requests are read and never answered.

    `starts_on_command`: whether the start command makes it print, answered or not.
    """

    def __init__(self) -> None:
        self.stall: set[str] = set()
        self.starts_on_command = True
        self.printing = False
        self.file: str | None = None
        self.completion: float | None = None
        self.commands: list[tuple[str, Any]] = []
        self.uploads = 0
        self.url = ""
        self.released = threading.Event()

    @property
    def starts(self) -> int:
        """How many start commands came."""
        return sum(isinstance(body, dict) and body.get("print") is True for _, body in self.commands)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        text = "Printing" if self.printing else "Operational"
        if method == "GET" and path.startswith("/api/printer"):
            flags = {"operational": True, "ready": not self.printing, "printing": self.printing}
            more = dict.fromkeys(("paused", "cancelling", "error", "closedOrError"), False)
            return 200, {"state": {"text": text, "flags": flags | more}, "temperature": {}}
        if (method, path) == ("GET", "/api/job"):
            job = {"file": {"name": self.file, "path": self.file}, "estimatedPrintTime": None, "filament": None}
            progress = {"completion": self.completion, "printTime": 1, "printTimeLeft": None}
            return 200, {"job": job, "progress": progress, "state": text}
        if (method, path) == ("POST", "/api/files/local"):
            self.uploads += 1
            self.file, self.completion = "part.gcode", None
            return 201, {"files": {"local": {"name": "part.gcode", "path": "part.gcode"}}}
        command = json.loads(body) if body else None
        self.commands.append((path, command))
        if isinstance(command, dict) and command.get("print") and self.starts_on_command:
            self.printing, self.completion = True, 10.0
        return 204, None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: StallingOctoPrint

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answered = self.state.answer(self.command, self.path, body)
        if self.command == "POST" and any(self.path.endswith(end) for end in self.state.stall):
            self.state.released.wait(60)
            self.close_connection = True
            return
        data = b"" if answered is None else json.dumps(answered).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that were killed go away in the middle."""


@contextmanager
def stalling_octoprint() -> Iterator[StallingOctoPrint]:
    """The server, in threads, on 127.0.0.1."""
    state = StallingOctoPrint()
    handler = type("Handler", (_Handler,), {"state": state})
    with _Server(("127.0.0.1", 0), handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.released.set()
            server.shutdown()
            thread.join()
