"""Variables win over the file, are decoded by their key's type, and are never silently ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxgate.errors import SettingsError
from fluxgate.settings import load_settings
from fluxgate.settings.environment import variables
from fluxgate.settings.model import Sections


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "fluxgate.toml"
    file.write_text("[gateway]\nhost = '192.0.2.1'\nport = 1\n[plugins.my-plugin.Sub]\nkey = 1\n")
    return file


def refused(**environ: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, environ)
    return caught.value


def test_shorthands() -> None:
    environ = {"FLUXGATE_HOST": "0.0.0.0", "FLUXGATE_PORT": "9", "FLUXGATE_DATABASE_URL": "postgresql://db/x"}
    settings = load_settings(None, environ)
    assert (settings.gateway.host, settings.gateway.port, settings.database.url) == ("0.0.0.0", 9, "postgresql://db/x")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", "0", 0),
        ("SHUTDOWN_TIMEOUT", "2.5", 2.5),
        ("SHUTDOWN_TIMEOUT", "2", 2.0),
        ("STRICT", "true", True),
        ("STRICT", "YES", True),
        ("STRICT", "on", True),
        ("STRICT", "1", True),
        ("STRICT", "false", False),
        ("STRICT", "0", False),
        ("STRICT", "Off", False),
        ("LOG_LEVEL", "warning", "warning"),
        ("PUBLIC_URL", "http://x", "http://x"),
        ("ENABLED", '["a", "b"]', ("a", "b")),
        ("ENABLED", "a, b", ("a", "b")),
        ("ENABLED", "a", ("a",)),
        ("TRUSTED_PROXIES", "10.0.0.0/8,::1", ("10.0.0.0/8", "::1")),
        ("MIGRATE", "off", "off"),
    ],
)
def test_text_is_decoded_by_the_keys_type(name: str, text: str, value: object) -> None:
    settings = load_settings(None, {f"FLUXGATE_GATEWAY__{name}": text})
    assert getattr(settings.gateway, name.lower()) == value


def test_case_does_not_matter() -> None:
    assert load_settings(None, {"fluxgate_Gateway__Log_Level": "error"}).gateway.log_level == "error"


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_settings(None, {"FLUXGATE_PORT": "", "FLUXGATE_NONSENSE": ""}).gateway.port == 1


def test_a_plugins_key_is_set_below_the_table_that_is_there() -> None:
    environ = {"FLUXGATE_PLUGINS__MY_PLUGIN__SUB__OTHER_KEY": "x", "FLUXGATE_PLUGINS__NEW__A__B": "y"}
    plugins = load_settings(None, environ).plugins
    assert plugins["my-plugin"]["Sub"]["key"] == 1
    assert plugins["my-plugin"]["Sub"]["other_key"].text == "x"
    assert plugins["new"]["a"]["b"].text == "y"


def test_the_file_is_not_changed_by_a_load_with_variables() -> None:
    load_settings(None, {"FLUXGATE_PLUGINS__MY_PLUGIN__SUB__KEY": "x"})
    assert load_settings(None, {}).plugins == {"my-plugin": {"Sub": {"key": 1}}}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("FLUXGATE_PORT", "x", "FLUXGATE_PORT (gateway.port): expected `int`"),
        ("FLUXGATE_PORT", "70000", "FLUXGATE_PORT (gateway.port): expected `int` <= 65535"),
        ("FLUXGATE_PORT", "8080.5", "FLUXGATE_PORT (gateway.port): expected `int`"),
        ("FLUXGATE_GATEWAY__STRICT", "maybe", "FLUXGATE_GATEWAY__STRICT (gateway.strict): expected `bool`"),
        (
            "FLUXGATE_GATEWAY__SHUTDOWN_TIMEOUT",
            "nan",
            "FLUXGATE_GATEWAY__SHUTDOWN_TIMEOUT (gateway.shutdown_timeout): must be a number",
        ),
        (
            "FLUXGATE_GATEWAY__ENABLED",
            "[1]",
            "FLUXGATE_GATEWAY__ENABLED (gateway.enabled[0]): expected `str`, got `int`",
        ),
        ("FLUXGATE_GATEWAY__ENABLED", "[", "FLUXGATE_GATEWAY__ENABLED (gateway.enabled): expected `array | null`"),
        (
            "FLUXGATE_GATEWAY__TRUSTED_PROXIES",
            "nowhere",
            "FLUXGATE_GATEWAY__TRUSTED_PROXIES (gateway.trusted_proxies): '[hidden]' does not appear to be an IPv4",
        ),
        (
            "FLUXGATE_DATABASE_URL",
            "mysql://u:s3cret@x",
            "FLUXGATE_DATABASE_URL (database.url): must begin with `sqlite:///` or `postgresql://`",
        ),
        ("FLUXGATE_GATEWAY__PROT", "1", "FLUXGATE_GATEWAY__PROT: sets nothing. Did you mean FLUXGATE_GATEWAY__PORT?"),
        ("FLUXGATE_GATEWAY_PORT", "1", "FLUXGATE_GATEWAY_PORT: sets nothing. Did you mean FLUXGATE_GATEWAY__PORT?"),
        ("FLUXGATE_LOG_LEVEL", "info", "FLUXGATE_LOG_LEVEL: sets nothing. Did you mean FLUXGATE_GATEWAY__LOG_LEVEL?"),
        ("FLUXGATE_CONFG", "x", "FLUXGATE_CONFG: sets nothing. Did you mean FLUXGATE_CONFIG?"),
        ("FLUXGATE_PLUGINS__PRINTING", "x", "FLUXGATE_PLUGINS__PRINTING: sets nothing."),
        ("FLUXGATE_XYZZY", "x", "FLUXGATE_XYZZY: sets nothing."),
        (
            "FLUXGATE_PLUGINS__MY_PLUGIN__SUB__KEY__DEEPER",
            "x",
            "FLUXGATE_PLUGINS__MY_PLUGIN__SUB__KEY__DEEPER (plugins.my_plugin.sub.key.deeper): a key above it has",
        ),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not(name: str, text: str, message: str) -> None:
    error = refused(**{name: text})
    assert str(error).startswith(f"environment: {message}")
    assert error.file is None
    assert len(str(error).splitlines()) == 1


def test_two_variables_for_one_key_are_refused() -> None:
    message = str(refused(FLUXGATE_PORT="1", FLUXGATE_GATEWAY__PORT="2"))
    assert (
        message
        == "environment: FLUXGATE_GATEWAY__PORT (gateway.port): FLUXGATE_PORT sets the same key; keep one of them"
    )


def test_test_variables_are_exempt() -> None:
    load_settings(None, {"FLUXGATE_TEST_DATABASE_URL": "x"})


def test_what_kubernetes_injects_is_explained() -> None:
    message = str(refused(FLUXGATE_SERVICE_HOST="10.0.0.1", FLUXGATE_PORT_8080_TCP="tcp://10.0.0.1:8080"))
    assert message.count("enableServiceLinks: false") == 2


def test_every_key_has_its_variable() -> None:
    known = variables(Sections)
    for section in ("gateway", "database"):
        for field in getattr(Sections(), section).__struct_fields__:
            assert known[f"FLUXGATE_{section}__{field}".upper()] == (section, field)


def test_keys_of_tables_in_tables() -> None:
    environ = {
        "FLUXGATE_AUTH__JWT__SECRET": "s" * 40,
        "FLUXGATE_AUTH__JWT__AUDIENCE": "a,b",
        "FLUXGATE_AUTH__JWT__CLAIMS__ROLES": "realm_access.roles",
        "FLUXGATE_AUTH__JWT__CLAIMS__ROLE_MAP": '{"x": ["admin"]}',
        "FLUXGATE_AUTH__KEYS__ENABLED": "yes",
        "FLUXGATE_AUTH__ISSUERS": '{"corp": {"jwks_url": "https://id.example.org/keys"}}',
    }
    auth = load_settings(None, environ).auth
    assert auth.jwt is not None
    assert (auth.jwt.secret, auth.jwt.audience) == ("s" * 40, ("a", "b"))
    assert (auth.jwt.claims.roles, auth.jwt.claims.role_map) == ("realm_access.roles", {"x": ("admin",)})
    assert auth.keys.enabled
    assert auth.issuers["corp"].jwks_url == "https://id.example.org/keys"


def test_a_key_in_a_table_wins_over_the_file(file: Path) -> None:
    file.write_text('[auth.jwt]\nsecret = "file"\nleeway = 5\n')
    jwt = load_settings(None, {"FLUXGATE_AUTH__JWT__SECRET": "variable"}).auth.jwt
    assert jwt is not None
    assert (jwt.secret, jwt.leeway) == ("variable", 5.0)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_table_and_a_key_in_it_can_not_both_be_set(reverse: bool) -> None:
    variables = [("FLUXGATE_AUTH__JWT", '{"secret": "a"}'), ("FLUXGATE_AUTH__JWT__SECRET", "b")]
    error = refused(**dict(reversed(variables) if reverse else variables))
    assert error.key == "FLUXGATE_AUTH__JWT__SECRET (auth.jwt.secret)"


def test_a_wrong_key_in_a_table_is_near_the_right_one() -> None:
    assert "Did you mean FLUXGATE_AUTH__JWT__SECRET?" in refused(FLUXGATE_AUTH__JWT__SECRT="x").message
