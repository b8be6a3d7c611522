"""The upstream connection's parser: however the same bytes are cut, the same answer comes out."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxgate.proxy.failures import UpstreamError
from fluxgate.proxy.http1 import UpstreamConnection
from tests.support.rawpeer import chunks


class _Transport(asyncio.Transport):
    """Takes what is written, and remembers that it was dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nothing reads it."""

    def abort(self) -> None:
        """Dropped."""
        self.dropped = True

    def pause_reading(self) -> None:
        """Nothing to pause."""

    def resume_reading(self) -> None:
        """Nothing to resume."""


class Outcome(NamedTuple):
    """What came of an answer's bytes."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    reusable: bool
    error: str


async def outcome(pieces: list[bytes], *, is_head: bool, end: bool) -> Outcome:
    connection = UpstreamConnection(asyncio.get_running_loop())
    transport = _Transport()
    connection.connection_made(transport)
    connection.begin(is_head=is_head)
    for piece in pieces:
        if not transport.dropped:
            connection.data_received(piece)
    if end and not transport.dropped:
        connection.connection_lost(None)
    status, headers, body, error = 0, [], b"", ""
    more = True
    try:
        async with asyncio.timeout(5):
            head = await connection.head()
            status, headers = head.status, head.headers
            while more:
                data, more = await connection.read(0.01)
                body += data
    except UpstreamError as failure:
        error = type(failure).__name__
    return Outcome(status, headers, body, connection.finish(), error)


ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-Empty:\r\nContent-Length: 5\r\nX-A: 2\r\n\r\nhello",
    "chunked": b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"hel", b"lo", b"x" * 300),
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n",
    "interim": b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no content": b"HTTP/1.1 204 No Content\r\nX-A: \xe9\xff\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "until close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    "bad field": b"HTTP/1.1 200 OK\r\nX A: 1\r\nContent-Length: 0\r\n\r\n",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "closing": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
}
END = {"until close", "cut short"}


@pytest.mark.parametrize("is_head", [False, True], ids=["GET", "HEAD"])
@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(1, 400), max_size=12))
def test_however_the_bytes_are_cut_the_answer_is_the_same(name: str, is_head: bool, cuts: list[int]) -> None:
    raw = ANSWERS[name]
    if is_head:
        raw = raw[: raw.index(b"\r\n\r\n", raw.rindex(b"HTTP/1.1")) + 4]
    places = sorted({cut for cut in cuts if cut < len(raw)})
    pieces = [raw[start:stop] for start, stop in zip([0, *places], [*places, len(raw)], strict=True)]
    end = name in END and not is_head
    whole = asyncio.run(outcome([raw], is_head=is_head, end=end))
    cut = asyncio.run(outcome(pieces, is_head=is_head, end=end))
    assert cut == whole
    bytewise = asyncio.run(outcome([raw[at : at + 1] for at in range(len(raw))], is_head=is_head, end=end))
    assert bytewise == whole


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=30), max_size=6), st.booleans())
def test_any_bytes_end_in_an_answer_or_an_upstream_error(pieces: list[bytes], is_head: bool) -> None:
    result = asyncio.run(outcome([b"HTTP/1.1 ", *pieces], is_head=is_head, end=True))
    assert result.error or 200 <= result.status < 600


@given(st.binary(min_size=1, max_size=20).filter(lambda extra: extra.strip(b"\r\n")))
def test_bytes_behind_an_answer_make_the_connection_unusable(extra: bytes) -> None:
    raw = ANSWERS["length"]
    assert asyncio.run(outcome([raw], is_head=False, end=False)).reusable
    together = asyncio.run(outcome([raw + extra], is_head=False, end=False))
    apart = asyncio.run(outcome([raw, extra], is_head=False, end=False))
    for result in (together, apart):
        assert (result.status, result.body) == (200, b"hello")
        assert not result.reusable
