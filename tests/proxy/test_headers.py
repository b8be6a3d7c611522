"""Header rules over arbitrary fields."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from fluxgate.proxy.headers import (
    CREDENTIALS,
    HOP_BY_HOP,
    Caller,
    RequestHeaderRules,
    ResponseHeaderRules,
    connection_names,
    peer_is_trusted,
)
from fluxgate.proxy.route import HeaderPolicy

OWN = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id", b"via"}
SPECIAL = sorted(
    name.decode() for name in HOP_BY_HOP | CREDENTIALS | OWN | {b"host", b"expect", b"forwarded", b"x-real-ip"}
)
NAME = st.one_of(
    st.sampled_from(SPECIAL),
    st.sampled_from([name.replace("-", "_") for name in SPECIAL]),
    st.sampled_from([name.title() for name in SPECIAL]),
    st.text("abcxyzABC-_09", min_size=1, max_size=12),
).map(str.encode)
VALUE = st.one_of(
    st.binary(max_size=20).filter(lambda value: not set(value) & set(b"\r\n\x00")),
    st.lists(NAME, max_size=4).map(b", ".join),
)
FIELDS = st.lists(st.tuples(NAME, VALUE), max_size=15)
ANYBODY = Caller(b"192.0.2.9", b"https", b"gateway.test", b"1.1", b"the-request-id", False)
BALANCER = Caller(b"10.0.0.1", b"http", b"gateway.test", b"1.1", b"the-request-id", True)


@given(FIELDS, st.sampled_from(["drop", "forward", "replace"]), st.sampled_from([ANYBODY, BALANCER]))
def test_requests(fields: list[tuple[bytes, bytes]], credentials: str, caller: Caller) -> None:
    policy = HeaderPolicy(credentials=credentials, set_request=(("X-Own", "1"),))  # type: ignore[arg-type]
    applied = RequestHeaderRules(policy).apply(fields, caller)
    names = [name.lower() for name, _ in applied]
    # Nothing hop-by-hop survives.
    assert not set(names) & (HOP_BY_HOP | {b"host", b"expect"})
    assert not set(names) & (connection_names(fields) - OWN - {b"x-own"})
    # The gateway's own are there, once, whatever the client named or sent.
    for own in OWN | {b"x-own"}:
        assert names.count(own) == 1
    assert dict(applied)[b"x-request-id"] == b"the-request-id"
    assert dict(applied)[b"x-forwarded-for"].endswith(caller.address)
    if not caller.trusted:
        assert dict(applied)[b"x-forwarded-for"] == caller.address
        assert dict(applied)[b"x-forwarded-proto"] == b"https"
        assert not any(name.replace(b"_", b"-") in OWN - {b"via"} and b"_" in name for name in names)
    if credentials != "forward":
        assert not set(names) & CREDENTIALS
    # What is kept, is kept as it came and in its order.
    kept = [field for field in applied if field[0].lower() not in OWN | {b"x-own"}]
    rest = iter(fields)
    if not caller.trusted:
        assert all(field in rest for field in kept)
    # Whatever nobody has a reason to drop is kept, with every duplicate.
    plain = [
        field
        for field in fields
        if field[0].lower() not in connection_names(fields)
        and field[0].lower().replace(b"_", b"-").decode() not in SPECIAL
        and not field[0].lower().replace(b"_", b"-").startswith((b"x-forwarded-", b"x-fluxgate-"))
    ]
    assert [field for field in kept if field in plain] == plain


@given(FIELDS)
def test_answers(fields: list[tuple[bytes, bytes]]) -> None:
    policy = HeaderPolicy(drop_response=frozenset({"Server"}), set_response=(("Cache-Control", "no-store"),))
    applied = ResponseHeaderRules(policy).apply(fields)
    names = [name.lower() for name, _ in applied]
    named = connection_names(fields)
    assert not set(names) & (HOP_BY_HOP | {b"server"})
    assert not set(names) & (named - {b"cache-control"})
    assert applied[-1] == (b"cache-control", b"no-store")
    expected = [field for field in fields if field[0].lower() not in HOP_BY_HOP | named | {b"server", b"cache-control"}]
    assert applied[:-1] == expected


def test_a_connection_cannot_name_its_framing_away() -> None:
    named = connection_names([(b"Connection", b"Content-Length, CLOSE, keep-alive ,, X-A"), (b"CONNECTION", b"x-B")])
    assert named == {b"x-a", b"x-b"}


def test_trusted_networks() -> None:
    networks = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"))
    assert peer_is_trusted("10.1.2.3", networks)
    assert peer_is_trusted("::ffff:10.1.2.3", networks)
    assert peer_is_trusted("2001:db8::1", networks)
    for address in ("11.0.0.1", "::1", "unknown", "", "10.0.0.1, 10.0.0.2"):
        assert not peer_is_trusted(address, networks)
    assert not peer_is_trusted("10.1.2.3", ())
