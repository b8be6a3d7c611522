"""`env:NAME` and `file:PATH`: resolved everywhere, and what they stand for is never told."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from fluxgate.errors import SettingsError
from fluxgate.settings import decode_plugin_settings, load_settings

SECRET = "hunter2'\\ü"


class Vault(msgspec.Struct, frozen=True, kw_only=True):
    password: str = ""
    passwords: tuple[str, ...] = ()
    number: int = 0
    mode: Literal["a", "b"] = "a"
    short: Annotated[str, msgspec.Meta(max_length=3)] = ""
    picky: str = ""

    def __post_init__(self) -> None:
        if self.picky:
            raise ValueError(f"picky: {self.picky!r} won't do, not even as {self.picky}")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc"


def decoded(text: str, **environ: str) -> Vault:
    file = Path("etc/fluxgate.toml")
    file.write_text(f"[plugins.vault]\n{text}\n", encoding="utf-8")
    settings = load_settings(file, environ)
    return decode_plugin_settings(settings, "vault", Vault, {"VAULT_PASSWORD": "password"}, environ)


def test_from_a_variable() -> None:
    assert decoded('password = "env:PW"', PW=SECRET).password == SECRET


def test_an_empty_variable_is_an_empty_secret() -> None:
    assert decoded('password = "env:PW"', PW="").password == ""


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("s", "s"),
        ("s\n", "s"),
        ("s\r\n", "s"),
        ("s\n\n", "s\n"),
        (" s ", " s "),
        ("", ""),
        ("\n", ""),
        ("a\nb\n", "a\nb"),
    ],
)
def test_from_a_file_without_its_last_line_end(folder: Path, content: str, value: str) -> None:
    (folder / "pw").write_bytes(content.encode())
    assert decoded('password = "file:pw"').password == value
    assert decoded(f'password = "file:{folder}/pw"').password == value


def test_in_lists_and_in_variables(folder: Path) -> None:
    (folder / "pw").write_text("from file\n")
    assert decoded('passwords = ["env:PW", "plain", "file:pw"]', PW="x").passwords == ("x", "plain", "from file")
    assert decoded("", VAULT_PASSWORD="file:pw").password == "from file"


def test_in_the_gateways_own_sections(folder: Path) -> None:
    (folder / "url").write_text("postgresql://u:p@db/x\n")
    file = folder / "fluxgate.toml"
    file.write_text('[gateway]\nhost = "env:H"\n[database]\nurl = "file:url"\n')
    settings = load_settings(file, {"H": "::1"})
    assert (settings.gateway.host, settings.database.url) == ("::1", "postgresql://u:p@db/x")


@pytest.mark.parametrize("text", ["env:PW", "file:pw", "literal:x", ""])
def test_literal_is_the_text_as_it_stands(text: str) -> None:
    assert decoded(f'password = "literal:{text}"').password == text
    assert decoded("", VAULT_PASSWORD=f"literal:{text}").password == text


def test_what_a_reference_stands_for_is_not_resolved_again() -> None:
    assert decoded('password = "env:PW"', PW="env:OTHER").password == "env:OTHER"


def refused(text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        decoded(text, **environ)
    full = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in full.replace(repr(environ), "")
    return str(caught.value)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:MISSING", "`env:MISSING`: the environment variable MISSING isn't set"),
        ("env:", "`env:`: the environment variable (no name) isn't set"),
        ("file:missing", "`file:missing`: there is no file "),
        ("file:", "`file:`: not a file name"),
        ("file:.", "`file:.`: "),
        ("file:a\\u0000b", "not a file name"),
        ("file:big", "is larger than 1048576 bytes"),
        ("file:binary", "isn't UTF-8 text"),
    ],
)
def test_a_reference_that_leads_nowhere(folder: Path, reference: str, message: str) -> None:
    (folder / "big").write_bytes(b"x" * 1_048_577)
    (folder / "binary").write_bytes(b"hunter2\xff")
    told = refused(f'\npassword = "{reference}"')
    assert told.startswith("etc/fluxgate.toml:3: plugins.vault.password: ")
    assert message in told


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("number", "expected `int`, got `str`"),
        ("mode", 'must be one of "a", "b".'),
        ("short", "expected `str` of length <= 3"),
        ("picky", "'[hidden]' won't do, not even as [hidden]"),
        ("passwords", "expected an array, got `str`"),
    ],
)
def test_a_secret_that_does_not_fit_is_not_shown(key: str, message: str) -> None:
    assert message in refused(f'{key} = "env:PW"', PW="hunter2")
    assert "hunter2" not in refused(f'{key} = "env:PW"', PW=SECRET)
