"""The send side of one request: the gateway's own fields are added here, and status and size remembered for the log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import formatdate

import msgspec

from fluxgate.errors import PROBLEM_TYPE, ProblemError
from fluxgate.switching import Switch, SwitchedProtocol
from fluxgate.types import Message, RawHeaders, Scope, Send

__all__ = ["Answer", "BrowserFields", "break_off", "send_json"]

_JSON = b"application/json"


_GATEWAYS_OWN = frozenset(
    {
        b"x-request-id",
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-allow-methods",
        b"access-control-allow-headers",
        b"access-control-expose-headers",
        b"access-control-max-age",
        b"access-control-allow-private-network",
    }
)
"""What no endpoint says: which pages may read an answer is the gateway's to tell, not an upstream's."""


class BrowserFields(msgspec.Struct, frozen=True):
    """What browsers are told. `defaults`: unless the answer has a field of that name; `always`: in any case;
    `framing`: who may frame it, beside a Content-Security-Policy that the answer has, which it can only tighten."""

    defaults: tuple[tuple[bytes, bytes], ...] = ()
    always: tuple[tuple[bytes, bytes], ...] = ()
    framing: tuple[bytes, bytes] = (b"content-security-policy", b"frame-ancestors 'none'")


_NOTHING_TOLD = BrowserFields()


class Answer:
    """One request's answer. `status` is 0 until it has begun; `sent` counts body bytes."""

    __slots__ = ("_request_id", "_send", "bodyless", "broken", "browser", "dated", "fields", "sent", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0
        self.sent = 0
        self.broken = False
        self.browser = _NOTHING_TOLD
        self.fields: RawHeaders = []
        """What the answer carries besides its own fields; one of the same name that it has itself stays."""
        self.dated = True
        """Whether to add a Date; what is forwarded has the upstream's."""
        self.bodyless = False
        """Whether to leave the body out: a GET handler that answers HEAD."""

    async def send(self, message: Message) -> None:
        """ASGI send."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: RawHeaders = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            if not _GATEWAYS_OWN.isdisjoint(present):
                headers = [field for field in headers if field[0].lower() not in _GATEWAYS_OWN]
            browser = self.browser
            _add_missing(headers, browser.defaults, present)
            if b"content-security-policy" in present:
                headers.append(browser.framing)
            headers += browser.always
            _add_missing(headers, self.fields, present)
            headers.append((b"x-request-id", self._request_id.encode("ascii")))
            if self.dated:
                headers.append((b"date", _date()))
            message = {"type": "http.response.start", "status": self.status, "headers": headers}
        elif self.bodyless:
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)

    def switching(self, switch: Switch) -> Switch:
        """The server's `switch`, with the gateway's own fields and what the log needs."""

        async def noted(headers: RawHeaders, protocol: SwitchedProtocol) -> bool:
            self.status = 101
            headers = [field for field in headers if field[0].lower() != b"x-request-id"]
            headers.append((b"x-request-id", self._request_id.encode("ascii")))
            try:
                return await switch(headers, protocol)
            finally:
                self.sent = protocol.sent

        return noted

    async def problem(self, error: ProblemError, scope: Scope) -> None:
        """Answer with a problem body, or break off if an answer has begun."""
        if self.status:
            self.broken = True
            break_off(scope)
            return
        scope["fluxgate.problem_code"] = error.problem_code
        body = error.body(self._request_id)
        self.dated = True
        headers = [
            (b"content-type", PROBLEM_TYPE.encode("ascii")),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *error.headers,
        ]
        await self.send({"type": "http.response.start", "status": error.problem_status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def empty(self, headers: RawHeaders) -> None:
        """Answer 204: to OPTIONS."""
        await self.send({"type": "http.response.start", "status": 204, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})


def _add_missing(headers: RawHeaders, fields: Sequence[tuple[bytes, bytes]], present: set[bytes]) -> None:
    """Add the fields of whose names there is none."""
    headers += [field for field in fields if field[0] not in present]


def break_off(scope: Scope) -> None:
    """End the client's transfer so that it sees a broken one."""
    abort = scope.get("fluxgate.abort")
    if abort is None:
        raise ConnectionAbortedError("the answer was broken off")
    abort()


async def send_json(send: Send, status: int, value: object, fields: RawHeaders | None = None) -> None:
    """Answer with a value, or with JSON that is encoded already; `fields`: further header fields."""
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    headers = [
        (b"content-type", _JSON),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *(fields or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _Clock:
    second = 0
    text = b""


def _date() -> bytes:
    now = int(time.time())
    if now != _Clock.second:
        _Clock.second = now
        _Clock.text = formatdate(now, usegmt=True).encode("ascii")
    return _Clock.text
