"""A proxy route whose body is read whole and judged before the upstream is asked: for small bodies that name what the
caller may not have."""

from __future__ import annotations

import asyncio

from fluxgate.errors import BadRequestError
from fluxgate.principal import ANONYMOUS, Principal
from fluxgate.proxy.forward import Forwarder
from fluxgate.proxy.outcomes import ClientGone
from fluxgate.proxy.route import Vet
from fluxgate.types import Message, Receive, Scope, Send

__all__ = ["VettedForwarder"]


class VettedForwarder:
    """An ASGI app: a route with a `Vet`."""

    def __init__(self, forwarder: Forwarder, vet: Vet) -> None:
        self._forward = forwarder
        self._vet = vet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward what the vet lets pass. Raises what it raises, and what a forwarder does."""
        body = await self._read(scope, receive)
        principal: Principal = scope.get("fluxgate.principal", ANONYMOUS)
        await self._vet(principal, body)
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._forward(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        limit = self._forward.route.max_body
        if any(name == b"content-length" and int(value) > limit for name, value in scope["headers"]):
            raise self._forward.too_large()
        body = bytearray()
        more = True
        while more:
            try:
                async with asyncio.timeout(self._forward.write_timeout):
                    message = await receive()
            except TimeoutError:
                raise BadRequestError(
                    "The rest of the body didn't come in time.", status=408, code="REQUEST_TIMEOUT"
                ) from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            body += message.get("body", b"")
            if len(body) > limit:
                raise self._forward.too_large()
            more = message.get("more_body", False)
        return bytes(body)
