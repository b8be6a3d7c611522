"""Ranges and conditions, by what RFC 9110 says of them."""

from __future__ import annotations

import pytest
from fluxgate_printing.files.disposition import attachment, part_names
from fluxgate_printing.files.names import check_name
from fluxgate_printing.files.ranges import is_unchanged, wanted_range
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.errors import ProblemError

ETAG = b'"abc"'
SIZE = 1000


def asked(value: bytes, *more: tuple[bytes, bytes], size: int = SIZE) -> tuple[int, int] | None:
    return wanted_range([(b"range", value), *more], ETAG, size)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"bytes=0-0", (0, 1)),
        (b"bytes=0-499", (0, 500)),
        (b"bytes=500-", (500, 1000)),
        (b"bytes=999-", (999, 1000)),
        (b"bytes=990-5000", (990, 1000)),
        (b"bytes=-1", (999, 1000)),
        (b"bytes=-5000", (0, 1000)),
        (b"Bytes=1-2", (1, 3)),
        (b"bytes=1-2,", (1, 3)),
        (b"bytes=5-4", None),
        (b"bytes=0-1,3-4", None),
        (b"bytes=", None),
        (b"bytes=-", None),
        (b"bytes=a-b", None),
        (b"lines=0-1", None),
        (b"bytes=0x1-2", None),
        (b"", None),
    ],
)
def test_what_a_range_asks_for(value: bytes, expected: tuple[int, int] | None) -> None:
    assert asked(value) == expected


@pytest.mark.parametrize("value", [b"bytes=1000-", b"bytes=1000-2000", b"bytes=-0", b"bytes=9999999999999999999-"])
def test_a_range_that_isnt_there(value: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        asked(value)
    assert (refused.value.problem_status, refused.value.problem_code) == (416, "RANGE_NOT_SATISFIABLE")
    assert refused.value.headers == ((b"content-range", b"bytes */1000"),)


def test_a_range_of_this_version_only() -> None:
    assert asked(b"bytes=1-2", (b"if-range", ETAG)) == (1, 3)
    for other in (b'"abd"', b'W/"abc"', b"Tue, 15 Nov 1994 12:45:26 GMT", b""):
        assert asked(b"bytes=1-2", (b"if-range", other)) is None


def test_conditions() -> None:
    assert not is_unchanged([], ETAG)
    for same in (ETAG, b"*", b'"x", "abc"', b'W/"abc"'):
        assert is_unchanged([(b"if-none-match", same)], ETAG)
    assert is_unchanged([(b"if-none-match", b'"x"'), (b"if-none-match", ETAG)], ETAG)
    assert not is_unchanged([(b"if-none-match", b'"x", abc')], ETAG)
    for same in (ETAG, b"*", b'"x", "abc"'):
        assert not is_unchanged([(b"if-match", same)], ETAG)
    for other in (b'"x"', b'W/"abc"', b""):
        with pytest.raises(ProblemError) as refused:
            is_unchanged([(b"if-match", other)], ETAG)
        assert refused.value.problem_status == 412


@given(st.binary(max_size=30) | st.from_regex(rb"bytes=\d{0,5}-\d{0,5}", fullmatch=True), st.integers(1, 2000))
def test_any_range_is_within_the_file_or_none(value: bytes, size: int) -> None:
    status = 0
    found: tuple[int, int] | None = None
    try:
        found = asked(value, size=size)
    except ProblemError as error:
        status = error.problem_status
    assert status in {0, 416}
    assert found is None or 0 <= found[0] < found[1] <= size


@given(st.text(st.characters(), max_size=80).map(lambda stem: stem + ".gcode"))
def test_every_name_comes_back_from_a_disposition(raw: str) -> None:
    try:
        name = check_name(raw, (".gcode",))
    except ProblemError:
        return
    written = attachment(name)
    assert written.isascii()
    assert b"\r" not in written
    assert b"\n" not in written
    assert part_names(written.replace(b"attachment", b"form-data; name=x", 1)) == ("x", name)
    plain = part_names(written.replace(b"attachment", b"form-data; name=x", 1).partition(b"; filename*")[0])[1]
    assert plain is not None
    assert len(plain) == len(name)
