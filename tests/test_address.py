"""Which address counts as the client's, with and without proxies that are trusted."""

from __future__ import annotations

import ipaddress

import pytest

from fluxgate.address import client_address, forwarded_scheme
from fluxgate.types import Scope

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"))


def scope(peer: str | None, *fields: tuple[str, str]) -> Scope:
    headers = [(name.encode(), value.encode()) for name, value in fields]
    return {"client": None if peer is None else (peer, 1), "scheme": "http", "headers": headers}


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        (None, [], "unknown"),
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.9", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["nonsense, 10.2.2.2"], "10.2.2.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("2001:db8::1", ["2001:DB9::1"], "2001:db9::1"),
    ],
)
def test_the_clients_address(peer: str | None, said: list[str], address: str) -> None:
    assert client_address(scope(peer, *(("x-forwarded-for", value) for value in said)), TRUSTED) == address


def test_nobody_is_believed_unless_trusted() -> None:
    assert client_address(scope("10.0.0.1", ("x-forwarded-for", "198.51.100.1")), ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "HTTPS", "https"),
        ("10.0.0.1", "http, https", "https"),
        ("10.0.0.1", "https, http", "http"),
        ("192.0.2.1", "https", "http"),
    ],
)
def test_the_clients_scheme(peer: str, said: str, scheme: str) -> None:
    assert forwarded_scheme(scope(peer, ("x-forwarded-proto", said)), TRUSTED) == scheme
