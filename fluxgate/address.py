"""Which client a request comes from, when proxies that are trusted stand in between."""

from __future__ import annotations

import ipaddress

from fluxgate.proxy.headers import Network, peer_is_trusted
from fluxgate.types import Scope

__all__ = ["client_address", "forwarded_scheme"]


def client_address(scope: Scope, trusted: tuple[Network, ...]) -> str:
    """The nearest address that isn't a trusted proxy's: the peer's, or what a trusted one says of it
    (`X-Forwarded-For`, read from its end). `unknown` if the server doesn't know the peer."""
    client = scope.get("client")
    address: str = client[0] if client else "unknown"
    if not trusted or not peer_is_trusted(address, trusted):
        return address
    chain = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for said in reversed(chain.decode("latin-1").split(",")):
        try:
            text = str(ipaddress.ip_address(said.strip()))
        except ValueError:
            break
        address = text
        if not peer_is_trusted(text, trusted):
            break
    return address


def forwarded_scheme(scope: Scope, trusted: tuple[Network, ...]) -> str:
    """`https` or `http`, as the client spoke: what a trusted proxy says (`X-Forwarded-Proto`), else the connection's
    own."""
    scheme: str = scope["scheme"]
    client = scope.get("client")
    if trusted and client and peer_is_trusted(client[0], trusted):
        for name, value in scope["headers"]:
            if name == b"x-forwarded-proto":
                scheme = value.decode("latin-1").rpartition(",")[2].strip().lower()
    return scheme
