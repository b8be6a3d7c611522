"""The multipart parser: what real cameras send, any cut of it, and arbitrary bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.streams.multipart import MultipartError, MultipartParser, Part, boundary_of

LIMIT = 300


def parse(boundary: str | None, pieces: list[bytes], **limits: int) -> tuple[list[Part], str | None]:
    """All parts, and the error's text if it ended with one."""
    parser = MultipartParser(boundary, **limits)
    parts: list[Part] = []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (part := parser.next_part()) is not None:
                parts.append(part)
    except MultipartError as error:
        return parts, str(error)
    return parts, None


@pytest.mark.parametrize(
    ("declared", "wire"),
    [
        ("foo", b"--foo"),
        ("--foo", b"--foo"),
        ("--foo", b"----foo"),
        ("foo", b"foo"),
        (None, b"--foo"),
        ("---", b"-----"),
    ],
)
@pytest.mark.parametrize("with_length", [True, False])
@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_boundaries(declared: str | None, wire: bytes, with_length: bool, eol: bytes) -> None:
    pictures = [b"\xff\xd8one\r\n--fo\r\nxx--foo\r\n\xff\xd9", b"", b"\n\n--foox\n-"]
    body = b"junk" + eol
    for picture in pictures:
        length = (b"Content-Length: %d" % len(picture) + eol) if with_length else b""
        body += wire + eol + b"Content-Type: image/jpeg" + eol + length + eol + picture + eol
    body += wire + b"--" + eol + b"epilogue"
    parts, error = parse(declared, [body])
    assert error is None
    assert [part.data for part in parts] == pictures
    assert {part.content_type for part in parts} == {"image/jpeg"}


def test_motion_pads_the_length_and_writes_names_in_lower_case() -> None:
    body = (
        b"--BoundaryString\r\nContent-type: image/jpeg\r\nContent-Length:         4\r\n\r\nabcd\r\n--BoundaryString\r\n"
    )
    assert parse("BoundaryString", [body]) == (
        [Part({"content-type": "image/jpeg", "content-length": "4"}, b"abcd")],
        None,
    )


def test_parts_without_headers_and_without_line_end_after_the_body() -> None:
    body = b"--b \t\n\nabc\n--b\nContent-Length:2\n\nxy--b\ncontent-length:1\n\nz"
    assert [part.data for part in parse("b", [body])[0]] == [b"abc", b"xy", b"z"]


def test_a_wrong_length_costs_that_part_only() -> None:
    body = b"".join(b"--b\r\nContent-Length: 3\r\n\r\nabcdef%d\r\n" % i for i in range(3))
    assert [part.data for part in parse("b", [body])[0]] == [b"abc"] * 3


@pytest.mark.parametrize(
    "body",
    [
        b"--b\nContent-Length: -1\n\n",
        b"--b\nContent-Length: 1x\n\n",
        b"--b\nContent-Length: \xb2\n\n",
        b"--b\nContent-Length:\n\n",
        b"--b\nContent-Length: 1\nContent-Length: 2\n\n",
        b"--b\nContent-Length: 301\n\n",
        b"--b\nContent-Length: " + b"9" * 5000 + b"\n\n",
        b"--b\n\n" + b"x" * 310,
        b"--b\nA: " + b"x" * 300 + b"\n\n",
        b"--b\nA: " + b"x" * 300,
        b"--b\n" + b"A:b\n" * 100,
        b"x" * 310,
        b"x\n" * 155,
    ],
)
@pytest.mark.parametrize("boundary", ["b", None])
def test_limits(body: bytes, boundary: str | None) -> None:
    parts, error = parse(boundary, [body], max_part=LIMIT, max_header=LIMIT)
    assert parts == []
    assert error


def test_an_error_is_final() -> None:
    parser = MultipartParser("b", max_part=10)
    parser.feed(b"--b\nContent-Length: 11\n\n")
    for _ in range(2):
        with pytest.raises(MultipartError):
            parser.next_part()


@pytest.mark.parametrize("boundary", ["", "x" * 201, "\u20ac", "a\nb"])
def test_impossible_boundaries(boundary: str) -> None:
    with pytest.raises(MultipartError):
        MultipartParser(boundary)


@pytest.mark.parametrize(
    ("value", "boundary"),
    [
        ("multipart/x-mixed-replace;boundary=foo", "foo"),
        ("multipart/x-mixed-replace; boundary=--foo", "--foo"),
        ('multipart/x-mixed-replace; Boundary = "a; \\"b" ; x=y', 'a; "b'),
        ("multipart/x-mixed-replace; charset=x; boundary=foo; y=z", "foo"),
        ("multipart/x-mixed-replace; boundary=", None),
        ("multipart/x-mixed-replace", None),
        ("", None),
    ],
)
def test_boundary_of(value: str, boundary: str | None) -> None:
    assert boundary_of(value) == boundary


TOKENS = st.sampled_from(
    [
        *(b"--b", b"b", b"-", b"--", b"\r\n", b"\n", b"\r", b" ", b"\t", b"A: b", b"xyz", b"y" * 40, b" " * 66),
        *(b"Content-Length: 3", b"content-length:  0 ", b"Content-Length: 299\r\n\r\n"),
        *(b"\r\n--b\r\n", b"\n--b--\n", b"\r\n\r\n", b"--b\r\nContent-Length: 3\r\n\r\n"),
    ]
)
STREAMS = st.lists(st.one_of(TOKENS, st.binary(max_size=5)), max_size=40).map(b"".join)
BOUNDARIES = st.sampled_from(["b", "--b", "bb", "-", None])


@given(STREAMS, BOUNDARIES, st.data())
def test_any_cut_gives_the_same(stream: bytes, boundary: str | None, data: st.DataObject) -> None:
    limits = {
        "max_part": data.draw(st.sampled_from([3, 30, LIMIT])),
        "max_header": data.draw(st.sampled_from([20, LIMIT])),
    }
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = parse(boundary, [stream], **limits)
    assert parse(boundary, pieces, **limits) == whole
    assert parse(boundary, [stream[i : i + 1] for i in range(len(stream))], **limits) == whole


@given(st.lists(st.binary(max_size=200), max_size=8), st.text(max_size=20))
def test_arbitrary_bytes_raise_nothing_else(pieces: list[bytes], boundary: str) -> None:
    try:
        MultipartParser(boundary)
    except MultipartError:
        return
    parse(boundary, pieces, max_part=50, max_header=50)


@given(st.lists(st.binary(max_size=80), max_size=6), st.booleans(), st.integers(1, 40))
def test_what_was_written_is_read(pictures: list[bytes], with_length: bool, step: int) -> None:
    boundary = b"=-unlikely-42-boundary"
    stream = b""
    for picture in pictures:
        length = b"Content-Length: %d\r\n" % len(picture) if with_length else b""
        stream += b"--" + boundary + b"\r\n" + length + b"\r\n" + picture + b"\r\n"
    stream += b"--" + boundary + b"--\r\n"
    parts, error = parse(boundary.decode(), [stream[i : i + step] for i in range(0, len(stream), step)])
    assert error is None
    assert [part.data for part in parts] == pictures
