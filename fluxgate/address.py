"""Which address a request comes from, and by which scheme: the connection's or, behind proxies of ours, those that they
vouch for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from fluxgate.types import Scope

__all__ = ["ClientAddress", "network_of"]

_IPV6_PREFIX = 64
_REMEMBERED = 16_384

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ClientAddress:
    """Finds addresses. `trusted`: networks (CIDR) of the proxies that are believed in `X-Forwarded-For`."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in trusted)
        self.is_trusted = lru_cache(_REMEMBERED)(self._is_trusted) if self._networks else _nobody
        """Whether this address is one of our proxies'."""

    def comes_from_one(self, scope: Scope) -> bool:
        """Whether a request comes by one of our proxies."""
        client = scope.get("client")
        return client is not None and self.is_trusted(client[0])

    def of(self, scope: Scope) -> str:
        """The client's address; empty where there is none (a Unix socket).

        `X-Forwarded-For` is read from the right, as whatever stands left of an untrusted entry is that client's own
        invention; an entry that is no address ends the reading.
        """
        client = scope.get("client")
        if client is None:
            return ""
        address: str = client[0]
        if not self.is_trusted(address):
            return address
        said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for entry in reversed(said.split(b",")):
            if (parsed := _parsed(entry)) is None:
                break
            address = parsed
            if not self.is_trusted(address):
                break
        return address

    def scheme(self, scope: Scope) -> str:
        """`https` or `http`, as the client spoke."""
        scheme: str = scope["scheme"]
        client = scope.get("client")
        if client is not None and self.is_trusted(client[0]):
            for name, value in scope["headers"]:
                if name == b"x-forwarded-proto":
                    scheme = value.decode("latin-1").rpartition(",")[2].strip().lower()
        return scheme

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        plain = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(plain in network for network in self._networks)


@lru_cache(_REMEMBERED)
def network_of(address: str) -> str:
    """What is counted as one client: an IPv4 address; of an IPv6 address its /64, all of which one client has."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, _IPV6_PREFIX), strict=False))


def _nobody(address: str) -> bool:
    return False


def _parsed(entry: bytes) -> str | None:
    """An entry's address, written plainly. Some proxies add the port."""
    text = entry.strip().decode("latin-1")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
