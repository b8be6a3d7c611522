"""W3C trace context: what is taken over, what begins anew, what goes upstream."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.tracecontext import trace_of
from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import RawUpstream

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01".encode()
PARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


def test_a_callers_trace_goes_on() -> None:
    trace = trace_of([(b"traceparent", GOOD), (b"tracestate", b"a=1"), (b"tracestate", b"b=2")])
    assert (trace.trace_id, trace.parent_id, trace.sampled, trace.state) == (TRACE, SPAN, True, b"a=1,b=2")
    assert trace.span_id != SPAN
    assert trace.parent("1" * 16) == f"00-{TRACE}-{'1' * 16}-01".encode()


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        GOOD.upper(),
        GOOD[:-1],
        GOOD + b"0",
        GOOD + b"-more",
        b"ff" + GOOD[2:],
        b"0" + GOOD,
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE}-{SPAN}-zz".encode(),
        b"00-" + b"g" * 32 + b"-00f067aa0ba902b7-01",
        GOOD + b"\n",
        b" " + GOOD,
    ],
)
def test_what_isnt_valid_begins_anew(parent: bytes) -> None:
    trace = trace_of([(b"traceparent", parent), (b"tracestate", b"a=1")])
    assert (trace.parent_id, trace.state, trace.sampled) == ("", b"", False)
    assert trace.trace_id not in {TRACE, "0" * 32}


def test_two_parents_are_none() -> None:
    assert trace_of([(b"traceparent", GOOD), (b"traceparent", GOOD)]).parent_id == ""


def test_a_later_version_may_say_more() -> None:
    assert trace_of([(b"traceparent", b"01" + GOOD[2:] + b"-more")]).trace_id == TRACE


@pytest.mark.parametrize(
    "state", [b"a=1", b"a=1 ,\tb=2", b"a=1,,b=2", b"0tenant@vendor=x y", b"a/b*c-d_e=t61rcWkgMzE", b""]
)
def test_a_good_state_goes_on_as_it_is(state: bytes) -> None:
    assert trace_of([(b"traceparent", GOOD), (b"tracestate", state)]).state == state


@pytest.mark.parametrize(
    "state",
    [
        b"a=" + b"x" * 257,
        b"a=1," * 128 + b"b=2",
        b",".join(b"k%d=1" % number for number in range(33)),
        b"a=\x00",
        b"a=\xff",
        b"a=1\n",
        b"nonsense",
        b"A=1",
        b"=1",
        b"a=",
        b"a =1",
        b"a=b=c",
        b"0a=1",
        b"a@=1",
        b"a=1,nonsense",
    ],
)
def test_a_bad_state_is_dropped_and_the_trace_kept(state: bytes) -> None:
    trace = trace_of([(b"traceparent", GOOD), (b"tracestate", state)])
    assert (trace.trace_id, trace.state) == (TRACE, b"")


@given(parent=st.binary(max_size=80), state=st.binary(max_size=600))
def test_whatever_comes_what_goes_on_is_valid(parent: bytes, state: bytes) -> None:
    trace = trace_of([(b"traceparent", parent), (b"tracestate", state)])
    assert PARENT.fullmatch(trace.parent(trace.span_id))
    assert b"\n" not in trace.state
    assert b"\r" not in trace.state


def test_how_many_are_sampled() -> None:
    assert not any(trace_of([], 0.0).sampled for _ in range(100))
    assert all(trace_of([], 1.0).sampled for _ in range(100))
    assert 300 < sum(trace_of([], 0.5).sampled for _ in range(1000)) < 700


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


def test_an_upstream_is_told_the_gateways_span(upstream: RawUpstream) -> None:
    with GatewayProcess(upstream.url) as gateway:
        gateway.ask("GET", "/api/t/r/traced", (("traceparent", GOOD), ("tracestate", "a=1")))
        gateway.ask("GET", "/api/t/r/untraced", (("tracestate", "a=1"),))
    [parent] = upstream.request("traced").all(b"traceparent")
    assert parent.startswith(f"00-{TRACE}-".encode())
    assert SPAN.encode() not in parent
    assert upstream.request("traced").all(b"tracestate") == [b"a=1"]
    assert PARENT.fullmatch(upstream.request("untraced").all(b"traceparent")[0])
    assert upstream.request("untraced").all(b"tracestate") == []
