"""Answers that the server gives by itself, before a request is one that the app could be asked."""

from __future__ import annotations

from fluxgate.errors import PROBLEM_TYPE, problem_body
from fluxgate.server.cycle import STATUS_LINE
from fluxgate.types import Receive, Scope, Send


class RefusedError(Exception):
    """Raised in a parser callback: the request is answered with this problem and the connection closed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def answer(self) -> bytes:
        """The whole answer as it goes out."""
        body = problem_body(self.status, self.code, self.message)
        return b"%bcontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
            STATUS_LINE[self.status],
            PROBLEM_TYPE.encode("ascii"),
            len(body),
            body,
        )


async def too_many_connections(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers in place of the app while too many connections are open."""
    body = problem_body(503, "TOO_MANY_CONNECTIONS", "The gateway has too many connections open.")
    headers = [
        (b"content-type", PROBLEM_TYPE.encode("ascii")),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
