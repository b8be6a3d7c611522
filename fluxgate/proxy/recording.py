"""Copies one exchange while it passes, for a route's `Capture`."""

from __future__ import annotations

import logging
from urllib.parse import unquote_to_bytes

from fluxgate.principal import ANONYMOUS
from fluxgate.proxy.http1 import ResponseHead
from fluxgate.proxy.route import Capture, Exchange, ProxyRoute
from fluxgate.types import RawHeaders, Scope

logger = logging.getLogger("fluxgate.proxy")


class _Copy:
    """Bytes up to a limit; over it, nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._pieces: list[bytes] | None = []

    def add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            self._pieces = None
        elif self._pieces is not None:
            self._pieces.append(data)

    def whole(self) -> bytes | None:
        return None if self._pieces is None else b"".join(self._pieces)


class Recording:
    """One exchange's copy."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.request = _Copy(capture.max_request) if capture.max_request else None
        self.response = _Copy(capture.max_response)

    def sent(self, data: bytes) -> None:
        """A piece of the request's body."""
        if self.request is not None:
            self.request.add(data)

    def came(self, data: bytes) -> None:
        """A piece of the answer's body."""
        self.response.add(data)

    async def hand_over(self, route: ProxyRoute, scope: Scope, headers: RawHeaders, head: ResponseHead) -> None:
        """Await the capture's handler. Its failure is logged and is nobody else's."""
        params: dict[str, bytes] = scope["fluxgate.params"]
        exchange = Exchange(
            method=scope["method"],
            path=route.path,
            params={name: unquote_to_bytes(value).decode("utf-8", "replace") for name, value in params.items()},
            request_headers=headers,
            request_body=None if self.request is None else self.request.whole(),
            status=head.status,
            response_headers=head.headers,
            response_body=self.response.whole(),
            request_id=scope["fluxgate.request_id"],
            principal=scope.get("fluxgate.principal", ANONYMOUS),
        )
        try:
            await self._capture.then(exchange)
        except Exception:
            logger.exception("capture of %s %s failed [%s]", exchange.method, route.path, exchange.request_id)
