"""The client's body on its way to the upstream, with back-pressure. Only a proper end of it is passed on as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fluxgate.errors import ProblemError
from fluxgate.proxy.failures import UpstreamError
from fluxgate.proxy.http1 import UpstreamConnection
from fluxgate.proxy.outcomes import BodyTooLarge, ClientGone, ClientStalled
from fluxgate.proxy.route import Inspector
from fluxgate.types import Receive


class Upload:
    """One request's body. Sizes in bytes, times in seconds.

    `length`: what Content-Length says, None for chunks; `limit`: more raises `BodyTooLarge`; `silence`: how long client
    or upstream may do nothing; `answer_within`: how long the upstream may take to answer once all was sent; `copy` is
    given each piece; `inspector` too, before it is sent on.
    """

    def __init__(
        self,
        receive: Receive,
        *,
        length: int | None,
        limit: int,
        silence: float,
        answer_within: float,
        copy: Callable[[bytes], None] | None,
        inspector: Inspector | None = None,
    ) -> None:
        self._receive = receive
        self._length = length
        self._limit = limit
        self._silence = silence
        self._answer_within = answer_within
        self._copy = copy
        self._inspector = inspector
        self._size = 0
        self.begun = False
        """Something of it was read from the client: it can't be sent a second time."""
        self.complete = False
        """All of it has left or is leaving: the upstream may have accepted it."""

    async def pump(self, connection: UpstreamConnection) -> None:
        """Read and send until the end. Any way but its proper end aborts the connection, so that no upstream takes a
        part for the whole. Raises `ClientGone`, `ClientStalled`, `BodyTooLarge`, `UpstreamError`, and the inspector's
        `ProblemError`."""
        try:
            while not self.complete:
                data = self._framed(*await self._next())
                if data:
                    await connection.send(data, self._silence)
        except (ClientGone, ClientStalled, BodyTooLarge, ProblemError):
            connection.abort_exchange()
            raise
        except UpstreamError:
            if not connection.has_head:
                raise
        else:
            if not connection.has_head:
                connection.expect_within(self._answer_within)

    async def _next(self) -> tuple[bytes, bool]:
        try:
            async with asyncio.timeout(self._silence):
                message = await self._receive()
        except TimeoutError:
            raise ClientStalled from None
        self.begun = True
        if message["type"] == "http.disconnect":
            raise ClientGone
        data: bytes = message.get("body", b"")
        self._size += len(data)
        more: bool = message.get("more_body", False)
        if self._size > self._limit:
            raise BodyTooLarge
        if self._length is not None and (self._size > self._length or (self._size < self._length and not more)):
            # A server that let this through would have the upstream take the next request for the rest of this one.
            raise ClientGone
        if data and self._copy is not None:
            self._copy(data)
        if self._inspector is not None:
            self._inspector.feed(data)
            if not more:
                self._inspector.end()
        return data, more

    def _framed(self, data: bytes, more: bool) -> bytes:
        self.complete = not more
        if self._length is not None:
            return data
        framed = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return framed if more else framed + b"0\r\n\r\n"
