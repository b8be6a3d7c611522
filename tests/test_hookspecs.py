"""The hooks: few, marked, documented; each with a test of its own here."""

from __future__ import annotations

import inspect
import sys
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fluxgate import hookspecs
from fluxgate.hookspecs import hookimpl
from fluxgate.plugin import PluginSettings, PluginSpec
from fluxgate.testing import plugin_record

HOOKS = sorted(name for name, hook in vars(hookspecs).items() if hasattr(hook, "fluxgate_spec"))


class Greeting(msgspec.Struct, forbid_unknown_fields=True):
    word: str = "hello"


def module(**hooks: object) -> SimpleNamespace:
    """An object with these hooks."""
    return SimpleNamespace(**{name: hookimpl(hook) for name, hook in hooks.items()})  # type: ignore[call-overload]


def test_every_hook_has_a_test() -> None:
    assert HOOKS == ["fluxgate_plugin", "fluxgate_settings"]
    tests = [
        name for name, value in vars(sys.modules[__name__]).items() if name.startswith("test_") and callable(value)
    ]
    for hook in HOOKS:
        assert any(name.startswith(f"test_{hook}") for name in tests), hook


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_one_line_of_docstring_and_types(name: str) -> None:
    hook = getattr(hookspecs, name)
    assert hook.__doc__
    assert "\n\n" not in hook.__doc__
    assert inspect.signature(hook).return_annotation is not inspect.Signature.empty


def test_fluxgate_settings_names_the_struct_and_the_variables() -> None:
    def fluxgate_settings() -> PluginSettings:
        return PluginSettings(type=Greeting, environment={"GREETING": "word"})

    seen: list[Greeting] = []

    def fluxgate_plugin(settings: Greeting) -> PluginSpec:
        seen.append(settings)
        return PluginSpec(title="Greeter", version="1")

    greeter = module(fluxgate_settings=fluxgate_settings, fluxgate_plugin=fluxgate_plugin)
    assert plugin_record(greeter, "greeter").quarantine is None
    assert plugin_record(greeter, "greeter", settings={"word": "ahoy"}).quarantine is None
    assert plugin_record(greeter, "greeter", settings={"word": "ahoy"}, environ={"GREETING": "moin"}).quarantine is None
    assert [one.word for one in seen] == ["hello", "ahoy", "moin"]


def test_fluxgate_settings_refuses_keys_that_the_struct_has_not() -> None:
    greeter = module(
        fluxgate_settings=lambda: PluginSettings(type=Greeting),
        fluxgate_plugin=lambda settings: PluginSpec(title="Greeter", version="1"),
    )
    quarantine = plugin_record(greeter, "greeter", settings={"wrod": "ahoy"}).quarantine
    assert quarantine is not None
    assert quarantine.stage == "settings"
    assert "plugins.greeter.wrod" in quarantine.reason
    assert "word" in quarantine.reason


def test_fluxgate_settings_may_be_absent_and_then_any_key_is_refused() -> None:
    greeter = module(fluxgate_plugin=lambda settings: PluginSpec(title="Greeter", version="1"))
    assert plugin_record(greeter, "greeter").quarantine is None
    quarantine = plugin_record(greeter, "greeter", settings={"word": "ahoy"}).quarantine
    assert quarantine is not None
    assert quarantine.stage == "settings"


def test_fluxgate_plugin_returns_the_declaration() -> None:
    spec = PluginSpec(title="Greeter", version="1.2")
    record = plugin_record(module(fluxgate_plugin=lambda settings: spec), "greeter")
    assert record.spec is spec
    assert (record.version, record.prefix, record.status) == ("1.2", "/api/greeter", "starting")


@pytest.mark.parametrize("answer", [None, {}, PluginSpec], ids=["none", "dict", "class"])
def test_fluxgate_plugin_must_return_one(answer: Any) -> None:
    quarantine = plugin_record(module(fluxgate_plugin=lambda settings: answer), "greeter").quarantine
    assert quarantine is not None
    assert quarantine.stage == "declaration"


def test_hooks_of_two_plugins_do_not_meet() -> None:
    """Each has a plugin manager of its own: the first result of one is never the other's."""
    one = module(fluxgate_plugin=lambda settings: PluginSpec(title="One", version="1"))
    two = module(fluxgate_plugin=lambda settings: 1 / 0)
    records = [plugin_record(two, "two"), plugin_record(one, "one")]
    assert [record.quarantine is None for record in records] == [False, True]
    assert records[1].spec is not None
    assert records[1].spec.title == "One"
