"""Forwarding: a `ProxyRoute` or `WebSocketRoute` declared by a plugin, carried out as a correct reverse proxy."""

from fluxgate.proxy.route import (
    Capture,
    Exchange,
    ExchangeHandler,
    FailureCodes,
    HeaderPolicy,
    Inspector,
    ProxyRoute,
    RetryPolicy,
    TLSOptions,
    Upstream,
    WebSocketRoute,
)

__all__ = [
    "Capture",
    "Exchange",
    "ExchangeHandler",
    "FailureCodes",
    "HeaderPolicy",
    "Inspector",
    "ProxyRoute",
    "RetryPolicy",
    "TLSOptions",
    "Upstream",
    "WebSocketRoute",
]
