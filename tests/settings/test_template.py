"""What `fluxgate init` writes is valid, says every key, and changes nothing until it is edited."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from fluxgate.settings import DatabaseSettings, GatewaySettings, decode_plugin_settings, load_settings
from fluxgate.settings.describe import PluginSection, describe
from fluxgate.settings.reference import installed_sections, reference
from fluxgate.settings.template import init_template

CHECKOUT = Path(__file__).resolve().parents[2]


class Left(msgspec.Struct, frozen=True, kw_only=True, tag="left", tag_field="side"):
    """The left one."""

    weight: float | None = None


class Right(msgspec.Struct, frozen=True, kw_only=True, tag="right", tag_field="side"):
    """The right one."""

    must: str


class Odd(msgspec.Struct, frozen=True, kw_only=True):
    """Every shape.

    A second paragraph.
    """

    text: str = 'with "quotes", \\ and\nlines'
    flag: bool = False
    mode: Literal["x", "y"] | None = None
    folder: Path | None = None
    unset_list: list[int] | None = None
    mapping: dict[str, int] = msgspec.field(default_factory=lambda: {"a b": 1})
    empty: dict[str, int] = {}
    sides: dict[str, Left | Right] = {}
    side: Left | Right | None = None
    single: Left = Left()
    several: tuple[Left, ...] = ()


ODD = PluginSection(name="odd-plugin", title="Odd", type=Odd, environment={"ODD_TEXT": "text"})
LEFT_OUT = re.compile(r"^#(?=\w|\[)", re.MULTILINE)


def uncommented(text: str) -> str:
    return LEFT_OUT.sub("", text)


def test_as_written_it_sets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "fluxgate.toml"
    file.write_text(init_template([ODD]))
    settings = load_settings(file, {})
    assert settings.gateway == load_settings(None, {"FLUXGATE_GATEWAY__DATA_DIR": f"{tmp_path}/fluxgate-data"}).gateway
    assert decode_plugin_settings(settings, "odd-plugin", Odd) == Odd()


def test_with_every_line_uncommented_it_decodes(tmp_path: Path) -> None:
    # `side` may be one of two tables, which can't both stand; all else is shown at once.
    text = uncommented(init_template([ODD])).replace('[plugins.odd-plugin.side]\nside = "right"\nmust = "..."', "")
    document = tomllib.loads(text)
    file = tmp_path / "fluxgate.toml"
    file.write_text(text)
    settings = load_settings(file, {})
    assert set(document["gateway"]) == set(GatewaySettings.__struct_fields__)
    assert set(document["database"]) == set(DatabaseSettings.__struct_fields__)
    odd = decode_plugin_settings(settings, "odd-plugin", Odd)
    assert odd.text == Odd().text
    assert odd.mapping == {"a b": 1}
    assert odd.sides == {"my-left": Left(weight=1.0), "my-right": Right(must="...")}
    assert len(odd.several) == 1


def test_uncommented_defaults_are_the_defaults(tmp_path: Path) -> None:
    lines = [line for line in init_template([]).splitlines() if not line.endswith("# not set by default")]
    file = tmp_path / "fluxgate.toml"
    file.write_text(uncommented("\n".join(lines)))
    settings = load_settings(file, {})
    data_dir = tmp_path / "fluxgate-data"
    assert settings.gateway == GatewaySettings(data_dir=data_dir)
    assert settings.database == DatabaseSettings(url=f"sqlite:///{data_dir}/fluxgate.sqlite")


def test_every_key_of_the_gateway_is_explained() -> None:
    for struct in (GatewaySettings, DatabaseSettings):
        table = describe(struct, ("x",))
        assert table.text
        assert [key.name for key in table.keys if not key.text] == []


def test_every_installed_plugins_template_decodes(tmp_path: Path) -> None:
    sections = installed_sections()
    assert "printing" in [section.name for section in sections]
    file = tmp_path / "fluxgate.toml"
    file.write_text(uncommented(init_template(sections)))
    settings = load_settings(file, {})
    for section in sections:
        decode_plugin_settings(settings, section.name, section.type, environ={})


def test_the_reference_is_current() -> None:
    written = (CHECKOUT / "docs/configuration.md").read_text(encoding="utf-8")
    assert written == reference(installed_sections()), (
        "run: .venv/bin/python -m fluxgate.settings.reference > docs/configuration.md"
    )


def test_the_reference_names_every_key_and_variable() -> None:
    sections = [ODD, *installed_sections()]
    text = reference(sections)
    for section in sections:
        for table in describe(section.type, ("plugins", section.name)).walk():
            assert [key.name for key in table.keys if f"| `{key.name}` |" not in text] == []
        assert [variable for variable in section.environment if f"`{variable}`" not in text] == []
