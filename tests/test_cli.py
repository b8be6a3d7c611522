"""The `fluxgate` command as a process: what it prints, where, and its exit code."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.plugins.brokenplugins import HEALTHY, declaring
from tests.support.cli import TIMEOUT, Site

RICH = declaring(
    "handlers=(ping, boom), commands=(greet, settings_of(settings)), lifespan=lifespan,"
    " upstreams=(Upstream(name='up', url='http://127.0.0.1:9'),),"
    " proxy_routes=(ProxyRoute(policy=PUBLIC, methods=frozenset({'GET', 'PUT'}), path='/away/{name}', upstream='up',"
    " upstream_path='/x/{name}', summary='Something far away'),),"
    " websockets=(WebSocketRoute(policy=PUBLIC, path='/live/{name}', upstream='up',"
    " upstream_path='/live/{name}', summary='Live'),),"
    " examples=('curl {base}/api/rich/ping',)",
    '''
import click, os
@get("/boom", sync_to_thread=False, policy=PUBLIC)
def boom() -> str:
    raise RuntimeError("first line\\n2026-01-01 00:00:00,000 INFO    fluxgate: forged")
@click.command()
@click.argument("name")
def greet(name):
    """Greets."""
    click.echo(f"Hello, {name}!")
def settings_of(settings):
    return click.Command("show", callback=lambda: click.echo(settings.colour), help="Shows.")
@contextlib.asynccontextmanager
async def lifespan(context):
    context.log.info("starting with %s", "a\\nforged line")
    yield
    context.log.info("bye")
class RichSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Everything."""
    colour: str = "red"
@hookimpl
def fluxgate_settings() -> PluginSettings:
    return PluginSettings(type=RichSettings, environment={"RICH_COLOUR": "colour"})
''',
).replace('title="Broken"', 'title="Riches"')

SLOW = declaring(
    "handlers=(ping, slow), lifespan=lifespan",
    """
@get("/slow", policy=PUBLIC)
async def slow() -> str:
    Path("slow-has-begun").touch()
    await asyncio.sleep(0.5)
    return "done"
@contextlib.asynccontextmanager
async def lifespan(context):
    yield
    context.log.info("left in order")
""",
)

TABLES = """
import pathlib
from piccolo.columns import Varchar
from piccolo.conf.apps import AppConfig
from piccolo.table import Table
class Thing(Table, tablename="clitest_thing"):
    name = Varchar()
APP_CONFIG = AppConfig(
    app_name="clitest",
    migrations_folder_path=str(pathlib.Path(__file__).parent / "clitest_migrations"),
    table_classes=[Thing],
)
"""
MIGRATION = """
from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import Varchar
ID = "clitest_0001"
VERSION = "1.38.0"
DESCRIPTION = "things"
async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="clitest", description=DESCRIPTION)
    manager.add_table(class_name="Thing", tablename="clitest_thing", schema=None, columns=None)
    manager.add_column(table_class_name="Thing", tablename="clitest_thing", column_name="name",
        db_column_name="name", column_class_name="Varchar", column_class=Varchar,
        params={"length": 255, "default": "", "null": False, "primary_key": False, "unique": False, "index": False,
                "choices": None, "db_column_name": None, "secret": False}, schema=None)
    return manager
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.install("healthy", HEALTHY, version="2.1")
    site.configure(enabled=("healthy",))
    return site


def install_tables(site: Site, migration: str = MIGRATION) -> None:
    site.install("tables", declaring("handlers=(ping,), piccolo_app='clitest_app'"))
    (site.packages / "clitest_app.py").write_text(TABLES)
    (site.packages / "clitest_migrations").mkdir(exist_ok=True)
    (site.packages / "clitest_migrations" / "clitest_0001_things.py").write_text(migration)


def test_check_and_plugins_when_all_is_well(site: Site) -> None:
    checked = site.fluxgate("check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("ok: 1 plugin(s), ")
    listed = site.fluxgate("plugins")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert re.search(r"^healthy +2\.1 +ok +/api/healthy +Healthy$", listed.stdout, re.MULTILINE)
    assert re.search(r"^printing +- +not enabled", listed.stdout, re.MULTILINE)


def test_run_says_where_to_look_and_what_to_try(site: Site) -> None:
    site.install("rich", RICH)
    site.configure(enabled=("healthy", "rich"))
    with site.serve() as server:
        assert f"listening on {server.url}" in server.printed
        assert f"{server.url}/-/health" in server.printed
        assert f"{server.url}/-/openapi.json" in server.printed
        assert "/api/rich  Riches (active)" in server.printed
        assert f"curl {server.url}/api/rich/ping" in server.printed
        assert server.client.get("/api/rich/ping").text == "pong"
        assert server.client.get("/").json()["plugins"] == {"healthy": "/api/healthy", "rich": "/api/rich"}


def test_routes(site: Site) -> None:
    site.install("rich", RICH)
    site.configure(enabled=("healthy", "rich"))
    listed = site.fluxgate("routes")
    assert listed.returncode == 0, listed.stderr
    rows = [line.split(maxsplit=4) for line in listed.stdout.splitlines()]
    assert rows[0] == ["METHODS", "PATH", "PLUGIN", "KIND", "SUMMARY"]
    assert ["GET,PUT", "/api/rich/away/{name}", "rich", "proxy", "Something far away"] in rows
    assert ["GET", "/api/healthy/ping", "healthy", "handler"] in [row[:4] for row in rows]
    assert ["WEBSOCKET", "/api/rich/live/{name}", "rich", "websocket", "Live"] in rows
    assert ["GET", "/-/health", "-", "gateway"] in [row[:4] for row in rows]


def test_openapi(site: Site) -> None:
    site.install("rich", RICH)
    site.configure(enabled=("healthy", "rich"))
    printed = site.fluxgate("openapi")
    assert printed.returncode == 0, printed.stderr
    document = json.loads(printed.stdout)
    OpenAPIV31SpecValidator(document).validate()
    written = site.fluxgate("openapi", "--output", "api.json")
    assert (written.returncode, written.stdout) == (0, "")
    assert json.loads((site.folder / "api.json").read_text()) == document
    refused = site.fluxgate("openapi", "--output", "no/such/folder/api.json")
    assert refused.returncode == 1
    assert "no/such/folder/api.json can't be written" in refused.stderr
    with site.serve() as server:
        assert server.client.get("/-/openapi.json").json() == document


def test_init_writes_a_file_that_works_and_overwrites_nothing(site: Site) -> None:
    site.install("rich", RICH)
    site.config.unlink()
    made = site.fluxgate("init")
    assert (made.returncode, made.stderr) == (0, "")
    text = site.config.read_text()
    assert "colour" in text
    assert site.fluxgate("check").returncode == 0
    site.config.write_text("mine")
    refused = site.fluxgate("init")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert site.config.read_text() == "mine"
    assert site.fluxgate("init", "--force").returncode == 0
    assert site.config.read_text() == text
    elsewhere = site.fluxgate("--config", "no/such/folder/fluxgate.toml", "init")
    assert elsewhere.returncode == 1
    assert "can't be written" in elsewhere.stderr
    assert [path.name for path in site.folder.iterdir() if path.name.endswith(".new")] == []


def test_migrate(site: Site) -> None:
    install_tables(site)
    site.configure(enabled=("healthy", "tables"))
    pending = site.fluxgate("migrate", "--check")
    *own, last = pending.stdout.splitlines()
    assert (pending.returncode, last) == (1, "pending: clitest clitest_0001 things"), pending.stderr
    assert own
    assert all(line.startswith("pending: fluxgate ") for line in own)
    applied = site.fluxgate("migrate")
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout == pending.stdout.replace("pending: ", "applied: ")
    for arguments in (("migrate",), ("migrate", "--check")):
        again = site.fluxgate(*arguments)
        assert (again.returncode, again.stdout) == (0, "up to date\n"), again.stderr


def test_migrate_does_nothing_while_a_plugin_is_broken(site: Site) -> None:
    install_tables(site)
    site.install("broken", "1/0\n")
    site.configure(enabled=("broken", "tables"))
    refused = site.fluxgate("migrate")
    assert refused.returncode == 2
    assert "fluxgate: these plugins can't be loaded, so their tables are unknown: broken" in refused.stderr
    site.configure(enabled=("tables",))
    assert site.fluxgate("migrate", "--check").returncode == 1


@pytest.mark.parametrize(
    ("migration", "mode", "reason"),
    [
        (MIGRATION.replace("    return manager", "    raise RuntimeError('half way')"), "auto", "half way"),
        (MIGRATION, "check", "migrations are pending: "),
    ],
    ids=["fails", "pending"],
)
def test_a_migration_that_fails_or_is_pending_quarantines_its_plugin(
    site: Site, migration: str, mode: str, reason: str
) -> None:
    install_tables(site, migration)
    site.configure(enabled=("healthy", "tables"), migrate=mode)
    with site.serve() as server:
        view = server.client.get("/-/health/ready").json()
        assert view["quarantined"]["tables"]["stage"] == "migrations"
        assert reason in view["quarantined"]["tables"]["reason"]
        assert server.client.get("/api/tables/ping").status_code == 503
        assert server.client.get("/api/healthy/ping").text == "pong"


def test_a_pending_migration_run_by_hand_lets_the_plugin_in(site: Site) -> None:
    install_tables(site)
    site.configure(enabled=("tables",), migrate="check")
    with site.serve() as server:
        assert server.client.get("/api/tables/ping").status_code == 503
        assert site.fluxgate("migrate").returncode == 0
        deadline = time.monotonic() + 15
        while server.client.get("/api/tables/ping").status_code != 200:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.05)


def test_a_section_for_a_plugin_that_is_not_installed(site: Site) -> None:
    site.configure('\n[plugins.helthy]\ncolour = "red"\n', enabled=("healthy",))
    checked = site.fluxgate("check")
    assert checked.returncode == 1
    assert "fluxgate.toml:5: plugins.helthy: no such plugin is installed. Did you mean `healthy`?" in checked.stderr
    with site.serve() as server:
        assert "plugins.helthy: no such plugin is installed" in server.log
    refused = site.fluxgate("run", "--strict")
    assert refused.returncode == 2
    assert "plugins.helthy" in refused.stderr


@pytest.mark.parametrize("port", ["65536", "-1", "http", "1.5"])
def test_a_port_that_is_none(site: Site, port: str) -> None:
    refused = site.fluxgate("run", FLUXGATE_PORT=port)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert "FLUXGATE_PORT" in refused.stderr


def test_a_port_in_use_stops_the_start_before_any_plugin(site: Site) -> None:
    site.install(
        "rich", declaring("lifespan=lifespan", "def lifespan(context): raise SystemExit('the second gateway started')")
    )
    site.configure(enabled=("rich",))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = site.fluxgate("run", FLUXGATE_PORT=str(port))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Error: can't listen on 127.0.0.1 port {port}: address already in use (")
    assert "Traceback" not in refused.stderr
    assert not (site.folder / "fluxgate-data").exists()


def test_a_host_that_is_not_ours(site: Site) -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        refused = site.fluxgate("run", FLUXGATE_HOST=host, FLUXGATE_AUTH__INSECURE="true")
        assert refused.returncode == 1
        assert f"Error: can't listen on {host} port 0: " in refused.stderr


def test_ipv6(site: Site) -> None:
    with site.serve(FLUXGATE_HOST="::1") as server:
        assert server.url.startswith("http://[::1]:")
        assert server.client.get("/api/healthy/ping").text == "pong"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gateway]\nprot = 1\n", "fluxgate.toml:2: gateway.prot"),
        ("[gateway\n", "fluxgate.toml:1: not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_clear_line(site: Site, text: str, message: str) -> None:
    site.config.write_text(text)
    for command in ("run", "check", "migrate"):
        refused = site.fluxgate(command)
        assert refused.returncode == 2
        assert message in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_help_with_a_broken_plugin_and_with_a_broken_file(site: Site) -> None:
    site.install("rich", RICH)
    site.install("broken", "raise RuntimeError('no way')\n")
    shown = site.fluxgate("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    for command in ("run", "init", "check", "plugins", "routes", "keys", "migrate", "openapi", "rich"):
        assert re.search(rf"^  {command} ", shown.stdout, re.MULTILINE), shown.stdout
    assert re.search(r"^  broken +\(can't be loaded: RuntimeError: no way", shown.stdout, re.MULTILINE)
    assert "healthy" not in shown.stdout  # has no commands
    site.config.write_text("[gateway]\nprot = 1\n")
    shown = site.fluxgate("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "gateway.prot" in " ".join(shown.stdout.split())


def test_a_plugins_commands(site: Site) -> None:
    site.install("rich", RICH)
    site.install("broken", "raise RuntimeError('no way')\n")
    assert site.fluxgate("rich", "greet", "Ada").stdout == "Hello, Ada!\n"
    assert site.fluxgate("rich", "show").stdout == "red\n"
    site.configure('\n[plugins.rich]\ncolour = "blue"\n')
    assert site.fluxgate("rich", "show").stdout == "blue\n"
    assert site.fluxgate("rich", "show", RICH_COLOUR="green").stdout == "green\n"
    assert "Greets." in site.fluxgate("rich", "--help").stdout
    broken = site.fluxgate("broken", "anything", "--with=options")
    assert (broken.returncode, broken.stderr) == (1, "Error: plugin broken: RuntimeError: no way\n")
    for arguments in (("healthy",), ("nonsense",), ("rich", "nonsense")):
        unknown = site.fluxgate(*arguments)
        assert unknown.returncode == 2
        assert "No such command" in unknown.stderr


def test_version(site: Site) -> None:
    assert re.fullmatch(r"fluxgate, version \d+\.\d+\.\d+\n", site.fluxgate("--version").stdout)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_what_is_in_flight_is_finished(site: Site, number: signal.Signals) -> None:
    site.install("slow", SLOW)
    site.configure(enabled=("slow", "healthy"))
    server = site.serve()
    answers: list[httpx.Response] = []
    with httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client:
        client.get("/api/slow/ping")
        asking = threading.Thread(target=lambda: answers.append(client.get("/api/slow/slow")))
        asking.start()
        deadline = time.monotonic() + TIMEOUT
        while not (site.folder / "slow-has-begun").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.process.send_signal(number)
        asking.join(TIMEOUT)
    assert server.process.wait(TIMEOUT) == 0
    server.client.close()
    assert [answer.text for answer in answers] == ["done"]
    assert "left in order" in server.log
    assert "GET /api/slow/slow 200 4B" in server.log


@pytest.mark.parametrize(
    "leftover",
    [
        "threading.Thread(target=threading.Event().wait).start()",
        "asyncio.get_running_loop().create_task(stubborn())",
    ],
    ids=["thread", "task"],
)
def test_what_a_plugin_leaves_running_does_not_keep_the_process(site: Site, leftover: str) -> None:
    site.install(
        "messy",
        declaring(
            "lifespan=lifespan",
            f"""
import threading
async def stubborn():
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)
@contextlib.asynccontextmanager
async def lifespan(context):
    kept = {leftover}
    yield
""",
        ),
    )
    site.configure(enabled=("messy", "healthy"))
    with site.serve() as server:
        assert server.client.get("/api/healthy/ping").text == "pong"
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 6
        assert "what a plugin left running keeps the process from ending" in server.log


def test_the_console_log(site: Site) -> None:
    """One line a record whatever was in it; a query is in none."""
    site.install("rich", RICH)
    site.configure(enabled=("healthy", "rich"))
    with site.serve() as server:
        for path in (
            "/api/healthy/ping?token=hunter2",
            "/api/rich/boom",
            "/api/none/%0a%0dINFO",
            "/api/rich/away/x?k=hunter2",
        ):
            server.client.get(path, headers={"x-request-id": "request-0001", "authorization": "Bearer hunter2"})
        # Whatever a client sends is refused or escaped, in every part of a line.
        with socket.create_connection(("127.0.0.1", httpx.URL(server.url).port)) as raw:
            raw.sendall(b"GET /api/\x1b[31m HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\tb\x0b INFO forged\r\n\r\n")
            raw.recv(1000)
    log = server.log
    assert "hunter2" not in log
    access = [line for line in log.splitlines() if " fluxgate.access: " in line and " refused " not in line]
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.fullmatch(
        rf"{stamp} INFO    fluxgate\.access: 127\.0\.0\.1 GET /api/healthy/ping 200 4B \d+\.\dms "
        r"plugin=healthy route=/api/healthy/ping id=request-0001",
        access[0],
    )
    assert "502" in access[3]
    for line in log.splitlines():
        assert re.match(rf"{stamp} [A-Z]+ +[a-z.]+: |    ", line), line
    assert "\x1b" not in log
    assert "starting with a\\nforged line" in log
    [failed] = [line for line in log.splitlines() if "GET /api/rich/boom failed" in line]
    assert failed.endswith(" [request-0001]")
    assert "    2026-01-01 00:00:00,000 INFO    fluxgate: forged" in log.splitlines()


def test_the_json_log(site: Site) -> None:
    site.install("rich", RICH)
    site.configure(enabled=("healthy", "rich"), log_format="json")
    with site.serve() as server:
        server.client.get("/api/healthy/ping?token=hunter2", headers={"x-request-id": "request-0001"})
        server.client.get("/api/rich/boom", headers={"x-request-id": "request-0002"})
        server.client.get("/nowhere")
    records = [json.loads(line) for line in server.log.splitlines()]
    assert "hunter2" not in server.log
    ping, boom, nowhere = [record for record in records if record["logger"] == "fluxgate.access"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", ping.pop("time"))
    assert ping.pop("ms") >= 0
    assert re.fullmatch("[0-9a-f]{32}", ping.pop("trace_id"))
    assert ping == {
        "principal": "local",
        "auth": "open",
        "outcome": "ok",
        "level": "info",
        "logger": "fluxgate.access",
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/api/healthy/ping",
        "status": 200,
        "bytes": 4,
        "plugin": "healthy",
        "route": "/api/healthy/ping",
        "request_id": "request-0001",
    }
    assert (boom["status"], nowhere["status"], nowhere["route"]) == (500, 404, "")
    [failed] = [record for record in records if "exception" in record]
    assert failed["request_id"] == "request-0002"
    assert "RuntimeError: first line\n2026-01-01" in failed["exception"]


def test_a_log_level_silences_the_access_log(site: Site) -> None:
    site.configure(enabled=("healthy",), log_level="warning")
    with site.serve() as server:
        assert server.client.get("/api/healthy/ping").text == "pong"
    assert server.log == ""


def test_a_request_is_in_the_log_soon_without_another(site: Site) -> None:
    with site.serve() as server:
        server.client.get("/api/healthy/ping")
        deadline = time.monotonic() + 2
        while "GET /api/healthy/ping 200" not in server.log:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_reader_that_goes_away_is_no_error(site: Site) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "fluxgate", "routes"],
        cwd=site.folder,
        env=site.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
    assert b"Traceback" not in error
