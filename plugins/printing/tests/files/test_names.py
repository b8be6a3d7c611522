"""Which file names are taken, and how a refusal reads."""

from __future__ import annotations

import unicodedata

import pytest
from fluxgate_printing.files.names import check_name
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.errors import ProblemError, UnprocessableError, UnsupportedMediaError

EXTENSIONS = (".gcode", ".gco", ".g")


@pytest.mark.parametrize(
    "name",
    [
        "benchy.gcode",
        "Käse 3½.gcode",
        "日本語.gco",
        "🚀.g",
        "a..b.gcode",
        "UPPER.GCODE",
        "semi;colon 'q' \"q\".gcode",
        "%2F.gcode",
    ],
)
def test_good_names_come_back_unchanged(name: str) -> None:
    assert check_name(name, EXTENSIONS) == name


def test_a_decomposed_name_is_composed() -> None:
    decomposed = unicodedata.normalize("NFD", "Käse.gcode")
    assert decomposed != "Käse.gcode"
    assert check_name(decomposed, EXTENSIONS) == "Käse.gcode"


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "...",
        ". .",
        ".gcode",
        ".hidden.gcode",
        "../a.gcode",
        "a/../b.gcode",
        "a/b.gcode",
        "/etc/a.gcode",
        "..\\a.gcode",
        "C:\\a.gcode",
        "a\x00.gcode",
        "a.gcode\x00",
        "a\nb.gcode",
        "a\rb.gcode",
        "a\x7f.gcode",
        "a\x85b.gcode",
        "a\u202eedocg.gcode",
        "a\u2066b.gcode",
        "a\u2028b.gcode",
        "a\ud800.gcode",
        " a.gcode",
        "\u00a0a.gcode",
        "a.gcode ",
        "a.gcode.",
    ],
)
def test_dangerous_names_are_refused(name: str) -> None:
    with pytest.raises(UnprocessableError) as refused:
        check_name(name, EXTENSIONS, field="files")
    assert refused.value.problem_code == "FILE_NAME_INVALID"
    assert refused.value.problem_status == 422
    assert refused.value.field == "files"


def test_the_limit_is_255_bytes_of_utf8() -> None:
    assert check_name("é" * 125 + "x.g", EXTENSIONS)  # 253 bytes
    assert check_name("é" * 126 + "x.g"[1:], EXTENSIONS)  # 254 bytes
    assert check_name("x" * 253 + ".g", EXTENSIONS)  # 255 bytes
    for long in ("x" * 254 + ".g", "é" * 127 + ".g", "x" * 10_000_000 + ".g"):
        with pytest.raises(UnprocessableError) as refused:
            check_name(long, EXTENSIONS)
        assert refused.value.problem_code == "FILE_NAME_TOO_LONG"


@pytest.mark.parametrize("name", ["a.stl", "gcode", "a.gcode.exe", "a", "a.gcode~"])
def test_another_extension_is_415_and_says_what_is_allowed(name: str) -> None:
    with pytest.raises(UnsupportedMediaError) as refused:
        check_name(name, EXTENSIONS)
    assert (refused.value.problem_status, refused.value.problem_code) == (415, "UNSUPPORTED_FILE_TYPE")
    assert ".gcode, .gco, .g" in refused.value.message


text = st.text(st.characters(), max_size=300) | st.text(st.sampled_from("a./\\ \x00é\u0301\u202e\ud800"), max_size=20)


@given(text | text.map(lambda stem: stem + ".gcode"))
def test_what_is_taken_is_safe_and_taken_again(raw: str) -> None:
    try:
        name = check_name(raw, EXTENSIONS)
    except ProblemError as error:
        name, refusal = "", error
    else:
        refusal = None
    if refusal is not None:
        assert 400 <= refusal.problem_status < 500
        assert refusal.body()  # a surrogate in the message would break the answer
        return
    assert len(name.encode()) <= 255
    assert not set(name) & set("/\\\x00\r\n\x85\u202e")
    assert name not in (".", "..")
    assert not name.startswith(".")
    assert name == unicodedata.normalize("NFC", raw)
    assert check_name(name, EXTENSIONS) == name
