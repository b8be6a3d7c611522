"""Which picture is shown, and that it is the one that was in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from fluxgate_printing.files.analysis import Thumbnail
from fluxgate_printing.files.thumbnails import best_thumbnail, find_thumbnails, read_thumbnail

from plugins.printing.tests.files.slicers import FILES, LARGE, SMALL


def of(width: int, height: int, kind: str = "png") -> Thumbnail:
    return Thumbnail(format=kind, width=width, height=height, offset=0, length=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "expected"),
    [(None, 300), (1000, 300), (300, 300), (299, 220), (50, 48), (16, 16), (10, 16)],
)
def test_the_largest_that_isnt_too_large(size: int | None, expected: int) -> None:
    pictures = [of(48, 48), of(16, 16, "jpeg"), of(100, 300), of(220, 124), of(640, 480, "qoi")]
    best = best_thumbnail(pictures, size)
    assert best is not None
    assert max(best.width, best.height) == expected


def test_none_that_a_browser_shows() -> None:
    assert best_thumbnail([]) is None
    assert best_thumbnail([of(10, 10, "qoi")]) is None


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_picture_is_read_as_it_was(tmp_path: Path, ends: bytes) -> None:
    path = tmp_path / "a.gcode"
    path.write_bytes(FILES["prusa"].replace(b"\n", ends))
    found = find_thumbnails(path.read_bytes())
    assert [read_thumbnail(path, one) for one in found][:2] == [SMALL, LARGE]
    path.write_bytes(b"G28\n")
    assert read_thumbnail(path, found[0]) is None
