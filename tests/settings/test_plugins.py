"""A plugin's section against the struct that the plugin declares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from fluxgate.errors import SettingsError
from fluxgate.settings import NoSettings, Settings, decode_plugin_settings, load_settings, unknown_sections

ENVIRONMENT = {"TOY_URL": "service.url", "TOY_RETRIES": "service.retries", "TOY_KEY": "service.api_key"}


class Service(msgspec.Struct, frozen=True, kw_only=True):
    url: str | None = None
    api_key: str | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=9)] = 1


class Serial(msgspec.Struct, frozen=True, kw_only=True, tag="serial", tag_field="driver"):
    device: str
    baud: int = 115200


class Network(msgspec.Struct, frozen=True, kw_only=True, tag="network", tag_field="driver"):
    url: str
    mode: Literal["push", "poll"] = "poll"


class Toy(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "toy"
    service: Service = Service()
    devices: dict[str, Serial | Network] = {}
    rules: tuple[Service, ...] = ()
    one: Serial | Network | None = None
    limits: dict[str, int] = {}
    tags: Annotated[list[str], msgspec.Meta(max_length=2)] = []
    extra: Any = None


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def decoded(text: str, **environ: str) -> Toy:
    Path("fluxgate.toml").write_text(text, encoding="utf-8")
    settings = load_settings(None, environ)
    return decode_plugin_settings(settings, "toy", Toy, ENVIRONMENT, environ)


def refused(text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        decoded(text, **environ)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_without_a_section_the_defaults_hold() -> None:
    assert decoded("") == Toy()
    assert decode_plugin_settings(Settings(), "toy", Toy, ENVIRONMENT, {}) == Toy()


def test_a_whole_section() -> None:
    toy = decoded("""
        [plugins.toy]
        name = "x"
        tags = ["a"]
        limits = { a = 1 }
        extra = { anything = ["goes"] }
        one = { driver = "serial", device = "/dev/null" }
        [plugins.toy.service]
        url = "http://x"
        [plugins.toy.devices."my device"]
        driver = "network"
        url = "http://y"
        [[plugins.toy.rules]]
        retries = 0
        [[plugins.toy.rules]]
        retries = 9
        """)
    assert toy.service.url == "http://x"
    assert toy.devices == {"my device": Network(url="http://y")}
    assert toy.one == Serial(device="/dev/null")
    assert [rule.retries for rule in toy.rules] == [0, 9]
    assert toy.extra == {"anything": ["goes"]}


def test_a_settings_object_made_in_code_is_decoded_too() -> None:
    settings = Settings(plugins={"toy": {"service": {"retries": 3}}})
    assert decode_plugin_settings(settings, "toy", Toy, {}, {}).service.retries == 3
    with pytest.raises(SettingsError, match=r"plugins\.toy\.service\.retris: unknown key"):
        decode_plugin_settings(Settings(plugins={"toy": {"service": {"retris": 3}}}), "toy", Toy, {}, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[plugins.toy.service]\nurll = 'x'", "2: plugins.toy.service.urll: unknown key. Did you mean `url`?"),
        ("[plugins.toy]\nservice.urll = 'x'", "2: plugins.toy.service.urll: unknown key. Did you mean `url`?"),
        ("plugins.toy.service = { URL = 'x' }", "1: plugins.toy.service.URL: unknown key. Did you mean `url`?"),
        ("[plugins.toy.service]\nretries = 10", "2: plugins.toy.service.retries: expected `int` <= 9"),
        (
            "[[plugins.toy.rules]]\n[[plugins.toy.rules]]\nretrys = 1",
            "3: plugins.toy.rules[1].retrys: unknown key. Did you mean `retries`?",
        ),
        (
            "[plugins.toy.devices.'a b']\n\ndriver = 'serail'",
            '3: plugins.toy.devices."a b".driver: must be one of "serial", "network". Did you mean `serial`?',
        ),
        (
            "[plugins.toy.devices.a]\nurl = 'x'",
            '1: plugins.toy.devices.a: needs the key `driver`, one of "serial", "network"',
        ),
        ("[plugins.toy.devices.a]\ndriver = 7", "2: plugins.toy.devices.a.driver: expected `str`, got `int`"),
        (
            "[plugins.toy.devices.a]\ndriver = 'serial'",
            "1: plugins.toy.devices.a: table missing required field `device`",
        ),
        (
            "[plugins.toy.devices.a]\ndriver = 'serial'\ndevice = 'x'\nmode = 'push'",
            "4: plugins.toy.devices.a.mode: unknown key. Known here: `baud`, `device`, `driver`.",
        ),
        ("[plugins.toy]\ndevices = 3", "2: plugins.toy.devices: expected a table, got `int`"),
        ("[plugins.toy.limits]\na = 'x'", "2: plugins.toy.limits.a: expected `int`, got `str`"),
        ("[plugins.toy]\ntags = ['a', 'b', 'c']", "2: plugins.toy.tags: expected an array of length <= 2"),
        (
            "[plugins.toy]\none = { driver = 'network', url = 'x', mode = 'pull' }",
            '2: plugins.toy.one.mode: must be one of "push", "poll". Did you mean `poll`?',
        ),
    ],
)
def test_a_mistake_is_named_at_its_exact_key(text: str, message: str) -> None:
    assert refused(text) == f"fluxgate.toml:{message}"


def test_all_mistakes_of_a_section_are_told() -> None:
    lines = refused("[plugins.toy]\nnam = 1\n[plugins.toy.service]\nretries = 'x'\nurll = 1\n").splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["fluxgate.toml:2", "plugins.toy.nam"],
        ["fluxgate.toml:4", "plugins.toy.service.retries"],
        ["fluxgate.toml:5", "plugins.toy.service.urll"],
    ]


def test_the_plugins_own_variables_win_over_the_file() -> None:
    toy = decoded("[plugins.toy.service]\nurl = 'file'\nretries = 2", TOY_URL="http://env", TOY_RETRIES="5")
    assert toy.service == Service(url="http://env", retries=5)


def test_an_empty_variable_of_the_plugin_counts_as_unset() -> None:
    assert decoded("[plugins.toy.service]\nurl = 'x'", TOY_URL="").service.url == "x"


def test_the_generic_variable_wins_over_the_plugins_own() -> None:
    toy = decoded("", TOY_RETRIES="5", FLUXGATE_PLUGINS__TOY__SERVICE__RETRIES="6")
    assert toy.service.retries == 6
    whole = decoded("", TOY_RETRIES="5", FLUXGATE_PLUGINS__TOY__SERVICE='{"url": "http://x"}')
    assert whole.service == Service(url="http://x")


def test_generic_variables_reach_every_depth() -> None:
    toy = decoded(
        "[plugins.toy.devices.My-Printer]\ndriver = 'network'\nurl = 'x'",
        FLUXGATE_PLUGINS__TOY__DEVICES__MY_PRINTER__MODE="push",
        FLUXGATE_PLUGINS__TOY__DEVICES__SECOND='{"driver": "serial", "device": "/dev/x"}',
        FLUXGATE_PLUGINS__TOY__LIMITS__A="3",
        FLUXGATE_PLUGINS__TOY__TAGS="a,b",
    )
    assert toy.devices == {"My-Printer": Network(url="x", mode="push"), "second": Serial(device="/dev/x")}
    assert toy.limits == {"a": 3}
    assert toy.tags == ["a", "b"]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TOY_RETRIES": "many"}, "TOY_RETRIES (plugins.toy.service.retries): expected `int`"),
        ({"TOY_RETRIES": "10"}, "TOY_RETRIES (plugins.toy.service.retries): expected `int` <= 9"),
        (
            {"FLUXGATE_PLUGINS__TOY__SERVICE__URLL": "x"},
            "FLUXGATE_PLUGINS__TOY__SERVICE__URLL (plugins.toy.service.urll): unknown key. Did you mean `url`?",
        ),
        (
            {"FLUXGATE_PLUGINS__TOY__SERVICE": '{"urll": 1}'},
            "FLUXGATE_PLUGINS__TOY__SERVICE (plugins.toy.service.urll): unknown key. Did you mean `url`?",
        ),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], message: str) -> None:
    assert refused("", **environ) == f"environment: {message}"


def test_a_variable_cannot_reach_through_a_value() -> None:
    assert "isn't a table" in refused("[plugins.toy]\nservice = 3", TOY_URL="http://x")


def test_a_plugin_without_settings_refuses_every_key() -> None:
    assert decode_plugin_settings(Settings(), "plain", NoSettings) == NoSettings()
    with pytest.raises(SettingsError, match=r"plugins\.plain\.key: unknown key\.$"):
        decode_plugin_settings(Settings(plugins={"plain": {"key": 1}}), "plain", NoSettings)


def test_a_section_of_no_installed_plugin_is_told_with_its_line() -> None:
    Path("fluxgate.toml").write_text("[plugins.printng]\nbackend = 'x'\n[plugins.my-toy]\n")
    environ = {"FLUXGATE_PLUGINS__ZZZ__KEY": "1"}
    found = unknown_sections(load_settings(None, environ), ["printing", "my-toy"])
    assert [str(error) for error in found] == [
        "fluxgate.toml:1: plugins.printng: no such plugin is installed. Did you mean `printing`?",
        "environment: FLUXGATE_PLUGINS__ZZZ__KEY (plugins.zzz): no such plugin is installed.",
    ]
