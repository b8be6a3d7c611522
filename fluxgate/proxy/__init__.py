"""Forwarding: a `ProxyRoute` declared by a plugin, carried out as a correct HTTP reverse proxy."""

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
]
