"""The relaying engine: one `WebSocketRoute`, compiled, as an ASGI app. `splice.py` carries the bytes.

The client's handshake is checked and repeated to the upstream. If it agrees, the client is told so and the two
connections are joined; any other answer is relayed as the plain HTTP answer that it is.
"""

from __future__ import annotations

import asyncio
import logging

from fluxgate.errors import NotImplementedProblem
from fluxgate.handshake import Handshake, OriginRule, asked_host, read_handshake
from fluxgate.proxy.failures import PoolTimeout, UpstreamError
from fluxgate.proxy.handshake import check_answer
from fluxgate.proxy.headers import Caller, Network, RequestHeaderRules, ResponseHeaderRules, caller_of
from fluxgate.proxy.http1 import ResponseHead, UpstreamConnection
from fluxgate.proxy.outcomes import ClientGone, ResponseBroken
from fluxgate.proxy.pool import Pool
from fluxgate.proxy.problems import problem_of
from fluxgate.proxy.route import WebSocketRoute
from fluxgate.proxy.splice import Splice
from fluxgate.proxy.target import TargetTemplate
from fluxgate.switching import Switch
from fluxgate.types import RawHeaders, Receive, Scope, Send

__all__ = ["WebSocketRelay"]

logger = logging.getLogger("fluxgate.proxy")

_OWN = frozenset({b"sec-websocket-key", b"sec-websocket-version"})
"""Fields that the handshake to the upstream has in any case, whatever the client's Connection names."""
_NO_BODY = frozenset({b"content-length"})


class WebSocketRelay:
    """One WebSocket route as an ASGI app. `scope["fluxgate.params"]` holds the path parameters as raw bytes.

    `open`: relays and handshakes under way.
    """

    def __init__(self, route: WebSocketRoute, pool: Pool, *, trusted: tuple[Network, ...] = ()) -> None:
        self.route = route
        self.pool = pool
        self.open = 0
        self.target = TargetTemplate(pool.base_path, route)
        self.answer_within = route.handshake_timeout or pool.upstream.read_timeout
        self.response_rules = ResponseHeaderRules(route.headers)
        self.request_rules = RequestHeaderRules(route.headers)
        self._trusted = trusted
        self._origins = OriginRule(route.origins, required=route.require_origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Relay one WebSocket to its end. Raises ProblemError before anything was answered, `ResponseBroken` or
        `ClientGone` after."""
        handshake = read_handshake(scope)
        caller = caller_of(scope, handshake.host, self._trusted)
        self._origins.check(handshake, asked_host(handshake, trusted=caller.trusted))
        switch: Switch | None = scope.get("fluxgate.switch")
        if switch is None:
            raise NotImplementedProblem("This server can't switch protocols.", code="CANNOT_SWITCH")
        if self.open >= self.route.max_connections:
            raise problem_of(PoolTimeout("as many as may be"), self.pool.upstream.failures)
        self.open += 1
        try:
            await _Relaying(self, scope, send, handshake, caller).run(switch)
        finally:
            self.open -= 1


class _Relaying:
    """One WebSocket, from the handshake to its end."""

    def __init__(self, relay: WebSocketRelay, scope: Scope, send: Send, handshake: Handshake, caller: Caller) -> None:
        self.relay = relay
        self.scope = scope
        self.send = send
        self.handshake = handshake
        self.caller = caller
        self.connection: UpstreamConnection | None = None
        self.asked: RawHeaders = []

    async def run(self, switch: Switch) -> None:
        try:
            agreed = await self._unless_the_client_leaves()
            if agreed is not None and self.connection is not None:
                await self._join(self.connection, agreed, switch)
        finally:
            if self.connection is not None:
                self.relay.pool.release(self.connection, reusable=False)

    async def _unless_the_client_leaves(self) -> ResponseHead | None:
        """The upstream's 101, or None if it answered anything else, which is relayed by then."""
        asking = asyncio.ensure_future(self._ask())
        on_disconnect = self.scope["fluxgate.on_disconnect"]
        on_disconnect(asking.cancel)
        try:
            await asyncio.wait({asking})
        finally:
            on_disconnect(None)
            if not asking.done():
                asking.cancel()
                await asyncio.wait({asking})
            if not asking.cancelled():
                asking.exception()  # looked at, if we are cancelled and don't come to it below
        if asking.cancelled():
            raise ClientGone
        return asking.result()

    async def _ask(self) -> ResponseHead | None:
        relay = self.relay
        ticket: int | None = None
        try:
            ticket = relay.pool.admit()
            self.connection = connection = await relay.pool.connect_apart()
            connection.begin(is_head=False, may_switch=True)
            connection.write(self._request_head())
            connection.expect_within(relay.answer_within)
            head = await connection.head()
            relay.pool.succeeded(ticket, head.status)
            if head.status == 101:
                check_answer(head.headers, self.asked, self.handshake.key)
                return head
        except UpstreamError as error:
            if ticket is not None:
                relay.pool.failed(ticket, error)
            self._warn(f"{type(error).__name__}: {error}")
            raise problem_of(error, relay.pool.upstream.failures) from error
        except BaseException:
            if ticket is not None:
                relay.pool.breaker.abandoned(ticket)
            raise
        await self._refuse(connection, head)
        return None

    def _request_head(self) -> bytes:
        relay = self.relay
        query: bytes = self.scope["query_string"] if relay.route.forward_query else b""
        kept = relay.request_rules.apply(self.handshake.headers, self.caller)
        self.asked = [field for field in kept if field[0].lower() not in _OWN]
        parts = [
            b"GET ",
            relay.target.render(self.scope["fluxgate.params"], query),
            b" HTTP/1.1\r\nhost: ",
            relay.pool.host_header,
            b"\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ",
            self.handshake.key,
            b"\r\n",
        ]
        for name, value in self.asked:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    async def _refuse(self, connection: UpstreamConnection, head: ResponseHead) -> None:
        """Relay an answer that isn't 101."""
        headers = self.relay.response_rules.apply(head.headers)
        if head.status == 426:
            headers += [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
        await self.send({"type": "http.response.start", "status": head.status, "headers": headers})
        more = True
        try:
            while more:
                data, more = await connection.read(self.relay.pool.upstream.read_timeout)
                await self.send({"type": "http.response.body", "body": data, "more_body": more})
        except UpstreamError as error:
            self._warn(f"{type(error).__name__}: {error}")
            raise ResponseBroken from error

    async def _join(self, connection: UpstreamConnection, head: ResponseHead, switch: Switch) -> None:
        fields = self.relay.response_rules.apply(head.headers)
        fields = [field for field in fields if field[0].lower() not in _NO_BODY]
        splice = Splice(self.relay.route.idle_timeout)
        splice.behind = connection.switch(splice.upstream)
        try:
            if not await switch([(b"upgrade", b"websocket"), *fields], splice.client):
                raise ClientGone
        finally:
            splice.abort()
        if splice.broken:
            self._warn("died without a close frame")
            raise ResponseBroken

    def _warn(self, what: str) -> None:
        logger.warning(
            "upstream %s: WebSocket %s: %s [%s]",
            self.relay.pool.upstream.name,
            self.relay.route.path,
            what,
            self.scope["fluxgate.request_id"],
        )
