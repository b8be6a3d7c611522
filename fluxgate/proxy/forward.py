"""The forwarding engine: one `ProxyRoute`, compiled, as an ASGI app. `exchange.py` carries out a single request."""

from __future__ import annotations

from fluxgate.errors import PayloadTooLargeError
from fluxgate.proxy.exchange import ProxyExchange
from fluxgate.proxy.headers import Network, RequestHeaderRules, ResponseHeaderRules, caller_of
from fluxgate.proxy.outcomes import CLIENT_CLOSED_REQUEST, ClientGone, ResponseBroken
from fluxgate.proxy.pool import Pool
from fluxgate.proxy.route import ProxyRoute
from fluxgate.proxy.target import TargetTemplate
from fluxgate.types import RawHeaders, Receive, Scope, Send

__all__ = ["CLIENT_CLOSED_REQUEST", "ClientGone", "Forwarder", "ResponseBroken"]


class Forwarder:
    """One proxy route as an ASGI app. `scope["fluxgate.params"]` holds the path parameters as raw bytes."""

    def __init__(self, route: ProxyRoute, pool: Pool, *, trusted: tuple[Network, ...] = ()) -> None:
        self.route = route
        self.pool = pool
        self._trusted = trusted
        self._target = TargetTemplate(pool.base_path, route)
        self._request_rules = RequestHeaderRules(route.headers)
        self._response_rules = ResponseHeaderRules(route.headers)
        self.read_timeout = route.read_timeout or pool.upstream.read_timeout
        """Seconds of upstream silence."""
        self.write_timeout = route.write_timeout or pool.upstream.write_timeout
        """Seconds an upstream may leave bytes of the body lying, and a client may send none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request. Raises ProblemError before the answer has begun, `ResponseBroken` or `ClientGone`
        after."""
        await ProxyExchange(self, scope, receive, send).run()

    def request_head(self, scope: Scope, headers: RawHeaders, method: str, host: bytes, *, chunked: bool) -> bytes:
        """Everything before the body, as the upstream gets it."""
        params: dict[str, bytes] = scope["fluxgate.params"]
        query: bytes = scope["query_string"] if self.route.forward_query else b""
        parts = [
            method.encode("ascii"),
            b" ",
            self._target.render(params, query),
            b" HTTP/1.1\r\nhost: ",
            self.pool.host_header,
            b"\r\n",
        ]
        for name, value in self._request_rules.apply(headers, caller_of(scope, host, self._trusted)):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"transfer-encoding: chunked\r\n\r\n" if chunked else b"\r\n")
        return b"".join(parts)

    def response_fields(self, headers: RawHeaders) -> RawHeaders:
        """The answer's fields as the route's policy leaves them."""
        return self._response_rules.apply(headers)

    def too_large(self) -> PayloadTooLargeError:
        """What a body over the route's limit is answered."""
        return PayloadTooLargeError(f"The body is larger than the {self.route.max_body} bytes this route takes.")
