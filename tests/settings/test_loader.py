"""Which file is read, what a file sets, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxgate.errors import SettingsError
from fluxgate.settings import DatabaseSettings, GatewaySettings, Settings, load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "fluxgate.toml") -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def refused(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(text), {})
    return caught.value


def test_without_a_file_the_defaults_hold_and_paths_are_absolute(tmp_path: Path) -> None:
    settings = load_settings(None, {})
    assert settings.gateway == GatewaySettings(data_dir=tmp_path / "fluxgate-data")
    assert settings.database.url == f"sqlite:///{tmp_path}/fluxgate-data/fluxgate.sqlite"
    assert settings.database.sqlite_path == tmp_path / "fluxgate-data/fluxgate.sqlite"
    assert settings.plugins == {}
    assert settings.sources.file is None


def test_the_file_in_the_working_directory_is_read() -> None:
    write("gateway.port = 1\n")
    assert load_settings(None, {}).gateway.port == 1


def test_fluxgate_config_wins_over_the_working_directory_and_an_argument_over_both() -> None:
    write("gateway.port = 1\n")
    write("gateway.port = 2\n", "named.toml")
    write("gateway.port = 3\n", "argument.toml")
    environ = {"FLUXGATE_CONFIG": "named.toml"}
    assert load_settings(None, environ).gateway.port == 2
    assert load_settings(Path("argument.toml"), environ).gateway.port == 3


def test_an_empty_fluxgate_config_counts_as_unset() -> None:
    assert load_settings(None, {"FLUXGATE_CONFIG": ""}).gateway == load_settings(None, {}).gateway


def test_a_named_file_that_is_missing_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"^missing\.toml: there is no such file$"):
        load_settings(None, {"FLUXGATE_CONFIG": "missing.toml"})


def test_a_folder_instead_of_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings(tmp_path, {})


def test_everything_in_a_file() -> None:
    settings = load_settings(
        write("""
        [gateway]
        host = "::1"
        port = 0
        enabled = ["printing", "other"]
        strict = true
        log_level = "debug"
        log_format = "json"
        trusted_proxies = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]
        shutdown_timeout = 5
        public_url = "https://gateway.example.org/base"
        migrate = "check"
        [database]
        url = "postgresql://user:secret@db/fluxgate"
        pool_size = 3
        [plugins.printing]
        backend = "native"
        """),
        {},
    )
    assert settings.gateway.enabled == ("printing", "other")
    assert settings.gateway.trusted_proxies == ("10.0.0.0/8", "fd00::/8", "192.0.2.7")
    assert settings.gateway.shutdown_timeout == 5.0
    assert settings.database == DatabaseSettings(url="postgresql://user:secret@db/fluxgate", pool_size=3)
    assert not settings.database.is_sqlite
    assert settings.migration_mode == "check"
    assert settings.plugins == {"printing": {"backend": "native"}}


@pytest.mark.parametrize(("url", "mode"), [("sqlite:///x.sqlite", "auto"), ("postgresql://db/x", "check")])
def test_migrations_are_automatic_on_sqlite_only(url: str, mode: str) -> None:
    assert Settings(database=DatabaseSettings(url=url)).migration_mode == mode
    assert Settings(database=DatabaseSettings(url=url), gateway=GatewaySettings(migrate="off")).migration_mode == "off"


def test_relative_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    file = write('gateway.data_dir = "data"\ndatabase.url = "sqlite:///db/x.sqlite"\n', "etc/fluxgate.toml")
    settings = load_settings(file, {})
    assert settings.gateway.data_dir == tmp_path / "etc/data"
    assert settings.database.sqlite_path == tmp_path / "etc/db/x.sqlite"


def test_relative_paths_in_the_environment_start_from_the_working_directory(tmp_path: Path) -> None:
    file = write("", "etc/fluxgate.toml")
    environ = {"FLUXGATE_GATEWAY__DATA_DIR": "data", "FLUXGATE_DATABASE_URL": "sqlite:///x.sqlite"}
    settings = load_settings(file, environ)
    assert settings.gateway.data_dir == tmp_path / "data"
    assert settings.database.sqlite_path == tmp_path / "x.sqlite"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    file = write(f'gateway.data_dir = "{tmp_path}/d"\ndatabase.url = "sqlite:///{tmp_path}/x.sqlite"\n', "etc/f.toml")
    settings = load_settings(file, {})
    assert settings.gateway.data_dir == tmp_path / "d"
    assert settings.database.sqlite_path == tmp_path / "x.sqlite"


def test_the_default_database_lies_in_the_data_folder(tmp_path: Path) -> None:
    assert load_settings(write('gateway.data_dir = "d"\n'), {}).database.sqlite_path == tmp_path / "d/fluxgate.sqlite"


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        ("[gateway]\n\nprot = 1\n", 3, "gateway.prot", "unknown key. Did you mean `port`?"),
        ("gateway = { hots = 'x' }\n", 1, "gateway.hots", "unknown key. Did you mean `host`?"),
        ("[gatway]\nport = 1\n", 1, "gatway", "unknown key. Did you mean `gateway`?"),
        ("[gateway]\nport = 70000\n", 2, "gateway.port", "expected `int` <= 65535"),
        ("[gateway]\nport = '8080'\n", 2, "gateway.port", "expected `int`, got `str`"),
        ("[gateway]\nport = true\n", 2, "gateway.port", "expected `int`, got `bool`"),
        ("[gateway]\nenabled = [\n 'a',\n 3,\n]\n", 4, "gateway.enabled[1]", "expected `str`, got `int`"),
        ("[gateway]\ndata_dir = 5\n", 2, "gateway.data_dir", "must be a path (a string)"),
        ("[gateway]\nshutdown_timeout = nan\n", 2, "gateway.shutdown_timeout", "must be a number"),
        ("gateway = 3\n", 1, "gateway", "expected a table, got `int`"),
        ("plugins = 3\n", 1, "plugins", "must be a table"),
        ("[plugins]\nprinting = 3\n", 2, "plugins.printing", "must be a table"),
        ("[database]\nurl = 'mysql://x'\n", 2, "database.url", "must begin with `sqlite:///` or `postgresql://`"),
        (
            "[database]\nurl = 'sqlite:///:memory:'\n",
            2,
            "database.url",
            "a SQLite database needs a file: `sqlite:///path/to/file`",
        ),
        (
            "[database]\nurl = 'sqlite:///'\n",
            2,
            "database.url",
            "a SQLite database needs a file: `sqlite:///path/to/file`",
        ),
        (
            "[gateway]\npublic_url = 'example.org'\n",
            2,
            "gateway.public_url",
            "must be an absolute URL such as `http://host:port`",
        ),
        (
            "[gateway]\npublic_url = 'http://[::1'\n",
            2,
            "gateway.public_url",
            "must be an absolute URL such as `http://host:port`",
        ),
        (
            "[gateway]\n\n\ntrusted_proxies = ['10.0.0.1/8']\n",
            4,
            "gateway.trusted_proxies",
            "10.0.0.1/8 has host bits set",
        ),
        (
            "[gateway]\nlog_level = 'debgu'\n",
            2,
            "gateway.log_level",
            'must be one of "debug", "info", "warning", "error". Did you mean `debug`?',
        ),
    ],
)
def test_a_mistake_names_file_line_and_key(text: str, line: int, key: str, message: str) -> None:
    error = refused(text)
    assert (error.file, error.line, error.key, error.message) == (Path("fluxgate.toml"), line, key, message)
    assert str(error) == f"fluxgate.toml:{line}: {key}: {message}"


def test_an_unknown_key_like_no_other_lists_the_known_ones() -> None:
    assert (
        refused("[database]\nzzzz = 1\n").message == "unknown key. Known here: `connect_timeout`, `pool_size`, `url`."
    )


def test_all_mistakes_are_told_at_once_in_the_files_order() -> None:
    error = refused("[database]\npool_size = 0\n[gateway]\nprot = 1\nlog_format = 'xml'\n")
    assert str(error).splitlines() == [
        "fluxgate.toml:2: database.pool_size: expected `int` >= 1",
        "fluxgate.toml:4: gateway.prot: unknown key. Did you mean `port`?",
        'fluxgate.toml:5: gateway.log_format: must be one of "console", "json". Known here: `console`, `json`.',
    ]
    assert (error.line, error.key) == (2, "database.pool_size")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb =\nc = 2\n", 2),
        ("a = 1\na = 2\n", 2),
        ("[x]\n[x]\n", 2),
        ("a = 1\nb = [1,\n2", 3),
        ('a = """\n\n', 3),
    ],
)
def test_invalid_toml_names_its_line(text: str, line: int) -> None:
    error = refused(text)
    assert error.line == line
    assert error.message.startswith("not valid TOML: ")
    assert "(at " not in error.message


def test_endless_nesting_is_invalid_toml() -> None:
    assert "nested too deeply" in refused("a = " + "[" * 100_000).message


def test_a_file_that_is_not_utf_8_names_its_line() -> None:
    Path("fluxgate.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(SettingsError, match=r"^fluxgate\.toml:2: isn't UTF-8 text$"):
        load_settings(None, {})


def test_a_byte_order_mark_is_ignored() -> None:
    Path("fluxgate.toml").write_bytes(b"\xef\xbb\xbfgateway.port = 7\r\n")
    assert load_settings(None, {}).gateway.port == 7
