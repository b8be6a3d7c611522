"""Forwarding: a `ProxyRoute` or `WebSocketRoute` declared by a plugin, carried out as a correct reverse proxy."""

from fluxgate.proxy.route import (
    BreakerPolicy,
    CachePolicy,
    Capture,
    Exchange,
    ExchangeHandler,
    FailureCodes,
    HeaderPolicy,
    HealthProbe,
    Inspector,
    ProxyRoute,
    RetryPolicy,
    TLSOptions,
    Upstream,
    WebSocketRoute,
)

__all__ = [
    "BreakerPolicy",
    "CachePolicy",
    "Capture",
    "Exchange",
    "ExchangeHandler",
    "FailureCodes",
    "HeaderPolicy",
    "HealthProbe",
    "Inspector",
    "ProxyRoute",
    "RetryPolicy",
    "TLSOptions",
    "Upstream",
    "WebSocketRoute",
]
