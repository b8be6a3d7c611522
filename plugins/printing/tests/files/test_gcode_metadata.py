"""What is read from what the slicers in use write, and that nothing else stops it."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fluxgate_printing.files import gcode_metadata
from fluxgate_printing.files.analyser import HEAD, TAIL, analyse
from fluxgate_printing.files.analysis import VERSION, FileAnalysis
from fluxgate_printing.files.gcode_layers import count_layers
from fluxgate_printing.files.gcode_metadata import parse_metadata
from fluxgate_printing.files.thumbnails import find_thumbnails
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.printing.tests.files.slicers import FILES, LARGE, PICTURES, SAYS, SMALL, layers, thumbnail


def close(found: Any, expected: Any) -> bool:
    """The same, but for the last digits of floats."""
    if isinstance(expected, float):
        return bool(found == pytest.approx(expected))
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(close(found[key], expected[key]) for key in expected)
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(close, found, expected))
    return bool(found == expected)


@pytest.mark.parametrize("slicer", FILES)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_what_slicers_write(slicer: str, ends: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.gcode"
    path.write_bytes(FILES[slicer].replace(b"\n", ends))
    found = analyse(path)
    pictures = [(one.format, one.width, one.height) for one in found.thumbnails]
    assert pictures == PICTURES[slicer]
    without = msgspec.structs.replace(found, thumbnails=())
    assert close(msgspec.to_builtins(without), msgspec.to_builtins(SAYS[slicer])), without


def test_what_says_nothing(tmp_path: Path) -> None:
    for content in (
        b"G28\nG1 X1\n",
        b";TIME:-5\n;LAYER_COUNT:1.5\n;Filament used: nanm\n;Layer height: -0.2\n;MINX:2.14748e+06\n",
        b"GCDE\x01\x00\x00\x00; layer_height = 0.2\n",
    ):
        (tmp_path / "a.gcode").write_bytes(content)
        assert analyse(tmp_path / "a.gcode") == FileAnalysis(version=VERSION)


def test_the_size_of_the_box() -> None:
    box = SAYS["cura"].bounding_box
    assert box is not None
    assert box.size == (40.0, 40.5, 13.92)


@pytest.mark.parametrize(("low", "high"), [("2147480", "-2147480"), ("-2147480", "2147480"), ("5", "4"), ("0", "1e9")])
def test_a_box_that_cant_be(low: str, high: str) -> None:
    text = "".join(f";MIN{axis}:{low}\n;MAX{axis}:{high}\n" for axis in "XYZ")
    found = parse_metadata(text.encode())
    assert (found.bounding_box, found.height) == (None, None)


def test_a_column_comes_back_as_it_went_in() -> None:
    for known in SAYS.values():
        assert FileAnalysis.of(msgspec.json.decode(msgspec.json.encode(known.to_column()))) == known
    assert FileAnalysis.of(None) == FileAnalysis.of({"layer_height": [1]}) == FileAnalysis()
    assert FileAnalysis.of({"estimated_time": 5.0, "slicer": "Cura 5", "new": 1}).estimated_time == 5.0


def test_both_ends_of_a_large_file_are_read(tmp_path: Path) -> None:
    head, _, tail = FILES["prusa"].partition(b"M84")
    moves = b"G1 X1 Y1 E0.1\n" * 4_000_000
    path = tmp_path / "large.gcode"
    path.write_bytes(head + moves + layers(3, 40.0).encode() + moves + b"M84" + tail)
    found = analyse(path)
    assert (found.estimated_time, found.layer_count, found.height) == (93_784, 123, 120.0)
    assert len(found.thumbnails) == 3
    path.write_bytes(b"G1 X1\n" * HEAD + FILES["cura"] + b"G1 X1\n" * TAIL)
    assert analyse(path) == FileAnalysis(version=VERSION)


@pytest.mark.parametrize("shift", range(1024 * 1024 - 60, 1024 * 1024 + 4, 3))
def test_marks_across_pieces_are_counted_once(shift: int) -> None:
    content = b"x" * shift + b"\n" + layers(2, 0.3).encode()
    assert count_layers(io.BytesIO(content)) == (2, 0.6)


def test_broken_pictures_arent_listed() -> None:
    good = thumbnail(LARGE, 220, 124)
    broken = [
        good.replace("; thumbnail end", "; the end"),
        thumbnail(b"<script>", 10, 10),
        thumbnail(SMALL[:20], 16, 16),
        thumbnail(SMALL[:16] + b"\xff" * 8 + SMALL[24:], 16, 16),
        good.replace("A", "!"),
        "; thumbnail begin 16x16 12\n; thumbnail end\n",
        thumbnail(b"\x89PNG\r\n\x1a\n" + bytes(900_000), 16, 16),
    ]
    for one in broken:
        assert find_thumbnails(one.encode()) == (), one[:200]
        assert len(find_thumbnails((one + good).encode())) in {0, 1}
    assert [one.width for one in find_thumbnails("".join([*broken[1:], good]).encode())] == [220]
    assert len(find_thumbnails(thumbnail(SMALL, 16, 16).encode() * 100)) == 16


HOSTILE = [
    b";\n" * (HEAD // 2),
    b";a=1" * (HEAD // 4),
    b"; thumbnail begin 16x16 99\n" * (HEAD // 27),
    b"M104" * (HEAD // 4),
    b"M104 " + b" " * HEAD,
    b"\n;Z:1" * (HEAD // 5) + b"\n;LAYER_CHANGE\n",
    b"; filament used [mm] = " + b"1," * HEAD,
    b"; filament_type = " + b"PLA;" * HEAD,
    b"; estimated printing time (normal mode) = " + b"9d " * HEAD,
    b"; generated by " + b"1 on " * HEAD,
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_files_take_no_time(number: int, tmp_path: Path) -> None:
    (tmp_path / "a.gcode").write_bytes(HOSTILE[number])
    begun = time.process_time()
    found = analyse(tmp_path / "a.gcode")
    assert time.process_time() - begun < 5
    assert len(msgspec.json.encode(found.to_column())) < 20_000


lines = st.lists(
    st.builds(
        lambda key, separator, value: b";" + key + separator + value,
        st.sampled_from(sorted(key.encode() for key in gcode_metadata._KEYS)) | st.binary(max_size=30),
        st.sampled_from([b" = ", b": ", b",", b":"]),
        st.binary(max_size=60) | st.text("0123456789.,;dhms einf-%").map(str.encode),
    )
    | st.sampled_from([b"; thumbnail begin 1x1 4", b"; iVBORw0KGgo=", b"; thumbnail end", b";LAYER_CHANGE", b";Z:1.2"])
    | st.builds(lambda number: b"M109 S" + number, st.text("0123456789. ").map(str.encode)),
    max_size=12,
).map(b"\n".join)


@given(lines | st.binary(), lines | st.binary())
def test_nothing_makes_it_raise(head: bytes, tail: bytes) -> None:
    found = parse_metadata(head, tail)
    for value in (
        found.estimated_time,
        found.filament_length,
        found.filament_weight,
        found.layer_height,
        found.nozzle_temperature,
        *(tool.length for tool in found.tools if tool.length),
    ):
        assert value is None or 0 < value <= 1e9
    assert FileAnalysis.of(msgspec.json.decode(msgspec.json.encode(found.to_column()))) == found


@given(lines | st.binary())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_no_file_makes_it_raise(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.gcode"
    path.write_bytes(content)
    assert analyse(path).version == VERSION
