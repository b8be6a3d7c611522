"""The G-code reader takes anything."""

from __future__ import annotations

import io

import pytest
from fluxgate_printing.printers.gcode import MAX_LINE, Command, GcodeReader, parse_line
from fluxgate_printing.printers.machine import Machine
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("line", "code", "params"),
    [
        (b"G1 X10 Y-2.5 E.04 F1800", "G1", {"X": 10, "Y": -2.5, "E": 0.04, "F": 1800}),
        (b"g1x10y20\r\n", "G1", {"X": 10, "Y": 20}),
        (b"G01 X1", "G1", {"X": 1}),
        (b"N42 M104 S210*113\n", "M104", {"S": 210}),
        (b"  N3G28 X Y ; home", "G28", {"X": None, "Y": None}),
        (b"M109 S200 (wait) T0", "M109", {"S": 200, "T": 0}),
        (b"G29.1", "G29.1", {}),
        (b"M117 G1 X5 at 50%", "M117", {}),
        (b"T1", "T1", {}),
        (b"G1 X" + b"9" * 400, "G1", {"X": None}),
    ],
)
def test_commands(line: bytes, code: str, params: dict[str, float | None]) -> None:
    assert parse_line(line) == Command(code, params)


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"; G1 X1", b"(G1 X1)", b"N5", b"N", b"G", b"START_PRINT BED=60", b"X10", b"%", b"G99999999", b"*55"],
)
def test_no_command(line: bytes) -> None:
    assert parse_line(line) is None


@given(st.binary(max_size=400))
def test_any_bytes_on_a_line(line: bytes) -> None:
    command = parse_line(line)
    if command is not None:
        assert command.code[0] in "GMT"
        assert Machine().execute(command) >= 0


WORDS = st.sampled_from(
    [
        b"G1",
        b"g0",
        b"M104",
        b"M109 R0",
        b"G4",
        b"G92",
        b"G91",
        b"G2",
        b"X",
        b"S-5",
        b"P1e9",
        b"F0",
        b"I1",
        b"*",
        b";",
        b"\n",
        b"N1",
    ]
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: b"X%fE1" % number)


@given(st.lists(WORDS | NUMBERS, max_size=60).map(b" ".join))
def test_any_words_in_a_file(content: bytes) -> None:
    machine = Machine()
    reader = GcodeReader(io.BytesIO(content))
    while (command := reader.next()) is not None:
        seconds = machine.execute(command)
        assert 0 <= seconds < 1e6
        machine.advance(seconds)
    assert reader.finished


@given(st.binary(max_size=3 * MAX_LINE))
def test_any_bytes_in_a_file_are_read_to_the_end(content: bytes) -> None:
    reader = GcodeReader(io.BytesIO(content))
    last = 0
    while reader.next() is not None:
        assert reader.position > last
        last = reader.position
    assert (reader.finished, reader.position) == (True, len(content))


def test_the_rest_of_a_very_long_line_is_skipped() -> None:
    reader = GcodeReader(io.BytesIO(b"G1 X1 ;" + b"G4 " * 10 * MAX_LINE + b"\nG1 X2\n"))
    assert [reader.next(), reader.next(), reader.next()] == [Command("G1", {"X": 1}), Command("G1", {"X": 2}), None]


@given(st.text(max_size=20), st.text(max_size=20))
def test_comments_and_checksums_change_nothing(comment: str, more: str) -> None:
    line = b"N7 G1 X1 Y2 *93 ; " + comment.encode("utf-8", "replace") + more.encode("utf-8", "replace")
    assert parse_line(line) == Command("G1", {"X": 1, "Y": 2})
