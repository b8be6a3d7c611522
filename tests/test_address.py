"""Whose request it is, and by which scheme it came."""

from __future__ import annotations

import pytest

from fluxgate.address import ClientAddress, network_of

TRUSTED = ("10.0.0.0/8", "fd00::/8")


def address(peer: str, *forwarded: str, trusted: tuple[str, ...] = TRUSTED) -> str:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return ClientAddress(trusted).of({"client": (peer, 1), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.1", ("203.0.113.9",), "198.51.100.1"),  # nobody believes it
        ("10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("192.0.2.66, 203.0.113.9",), "203.0.113.9"),  # the client invented the first
        ("10.0.0.1", ("192.0.2.66", "203.0.113.9, 10.0.0.7"), "203.0.113.9"),
        ("10.0.0.1", ("10.9.9.9",), "10.9.9.9"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9, unknown",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9, rubbish, 10.0.0.7",), "10.0.0.7"),
        ("10.0.0.1", ("203.0.113.9:4711",), "203.0.113.9"),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::1"),
        ("10.0.0.1", ("2001:DB8:0::1",), "2001:db8::1"),
        ("fd00::1", ("203.0.113.9",), "203.0.113.9"),
        ("::ffff:10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("203.0.113.\xb9",), "10.0.0.1"),
    ],
)
def test_the_last_address_that_nobody_of_ours_has(peer: str, forwarded: tuple[str, ...], client: str) -> None:
    assert address(peer, *forwarded) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert address("10.0.0.1", "203.0.113.9", trusted=()) == "10.0.0.1"


def test_a_unix_socket_has_no_address() -> None:
    assert ClientAddress(TRUSTED).of({"client": None, "headers": []}) == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.9", "203.0.113.10", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_what_counts_as_one_client(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


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
    scope = {"client": (peer, 1), "scheme": "http", "headers": [(b"x-forwarded-proto", said.encode())]}
    assert ClientAddress(TRUSTED).scheme(scope) == scheme
