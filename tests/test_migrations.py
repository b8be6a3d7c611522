"""Migrations of several apps: one lock, one transaction, nothing kept of a failure, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from piccolo.apps.migrations.tables import Migration

from fluxgate.db import Database
from fluxgate.errors import MigrationError, UnavailableError
from fluxgate.migrations import LOCK_KEY, drift, migrate, pending

pytestmark = pytest.mark.anyio

MakeApp = Callable[..., str]

TABLE = """
    manager.add_table(class_name="Thing", tablename="{app}_things", schema=None, columns=None)
    manager.add_column(
        table_class_name="Thing", tablename="{app}_things", column_name="name", db_column_name="name",
        column_class=Varchar, params={{"length": 50, "default": "", "null": False}}, schema=None,
    )
"""
ROWS = """
    async def fill():
        await engine_finder().run_ddl("INSERT INTO {app}_things (name) VALUES ('one')")
        await engine_finder().run_ddl("CREATE VIEW {app}_names AS SELECT name FROM {app}_things")
        if engine_finder().engine_type == "postgres":
            await engine_finder().run_ddl("CREATE FUNCTION {app}_f() RETURNS INT LANGUAGE sql AS 'SELECT 1'")
    async def empty():
        if engine_finder().engine_type == "postgres":
            await engine_finder().run_ddl("DROP FUNCTION {app}_f()")
        await engine_finder().run_ddl("DROP VIEW {app}_names")
    manager.add_raw(fill)
    manager.add_raw_backwards(empty)
"""
SLOW = """
    async def nap():
        import asyncio
        await asyncio.sleep(0.3)
    manager.add_raw(nap)
"""
BROKEN = """
    async def fail():
        await engine_finder().run_ddl("CREATE TABLE half_done (id INTEGER)")
        await engine_finder().run_ddl("ALTER TABLE {app}_things ADD COLUMN more TEXT")
        await engine_finder().run_ddl("INSERT INTO there_is_no_such_table VALUES (1)")
    manager.add_raw(fail)
"""


@pytest.fixture
def make_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """Write an importable Piccolo app with these migrations; its import path. All apps' files have the same names."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, *bodies: str, ids: tuple[str, ...] = (), depends: tuple[str, ...] = ()) -> str:
        package = f"{name}_{uuid.uuid4().hex[:8]}"
        folder = tmp_path / package
        (folder / "migrations").mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "piccolo_app.py").write_text(
            "from pathlib import Path\n"
            "from piccolo.conf.apps import AppConfig\n"
            "from piccolo.columns import Varchar\n"
            "from piccolo.table import Table\n"
            f"class Thing(Table, tablename='{name}_things'):\n"
            "    name = Varchar(length=50)\n"
            f"APP_CONFIG = AppConfig({name!r}, Path(__file__).parent / 'migrations', table_classes=[Thing],"
            f" migration_dependencies={list(depends)!r})\n"
        )
        for number, body in enumerate(bodies, start=1):
            migration_id = ids[number - 1] if ids else f"2026-01-0{number}-{name}"
            (folder / "migrations" / f"m{number:04}.py").write_text(
                "from piccolo.apps.migrations.auto.migration_manager import MigrationManager\n"
                "from piccolo.columns.column_types import Varchar\n"
                "from piccolo.engine import engine_finder\n"
                f"ID = {migration_id!r}\nVERSION = '1'\nDESCRIPTION = 'step {number}'\n"
                "async def forwards():\n"
                f"    manager = MigrationManager(migration_id=ID, app_name={name!r}, description=DESCRIPTION)\n"
                + textwrap.indent(textwrap.dedent(body.format(app=name)), "    ")
                + "\n    return manager\n"
            )
        return f"{package}.piccolo_app"

    return make


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, as beside installed wheels: no `piccolo_conf` to be found."""
    folder = tmp_path / "nowhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PICCOLO_CONF", "there_is_no_such_module")
    return folder


async def objects(database: Database) -> set[tuple[str, str]]:
    """All tables, columns, views, indexes and functions there are."""
    if database.dialect == "sqlite":
        rows = await database.fetch("SELECT name, COALESCE(sql, '') AS what FROM sqlite_master")
    else:
        rows = await database.fetch(
            "SELECT table_name || '.' || column_name AS name, data_type AS what FROM information_schema.columns"
            " WHERE table_schema = 'public'"
            " UNION ALL SELECT proname, 'function' FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " UNION ALL SELECT indexname, 'index' FROM pg_indexes WHERE schemaname = 'public'"
        )
    return {(row["name"], row["what"]) for row in rows}


async def test_two_apps_forwards_and_backwards(database_url: str, make_app: MakeApp, nowhere: Path) -> None:
    alpha = make_app("alpha", TABLE, ROWS)
    beta = make_app("beta", TABLE, ROWS)
    database = Database.from_url(database_url)
    assert [(step.app, step.id) for step in await pending(database, [alpha, beta])] == [
        ("alpha", "2026-01-01-alpha"),
        ("alpha", "2026-01-02-alpha"),
        ("beta", "2026-01-01-beta"),
        ("beta", "2026-01-02-beta"),
    ]
    assert await objects(database) == set()
    report = await migrate(database, [alpha, beta])
    assert [step.id for step in report.applied] == [
        "2026-01-01-alpha",
        "2026-01-02-alpha",
        "2026-01-01-beta",
        "2026-01-02-beta",
    ]
    assert report.applied[1].description == "step 2"
    assert await pending(database, [alpha, beta]) == []
    assert await database.fetch("SELECT name FROM beta_names") == [{"name": "one"}]
    assert (await migrate(database, [alpha, beta])).applied == ()

    back = await migrate(database, [alpha, beta], "backwards")
    assert [step.id for step in back.applied] == [
        "2026-01-02-beta",
        "2026-01-01-beta",
        "2026-01-02-alpha",
        "2026-01-01-alpha",
    ]
    left = {name.partition(".")[0] for name, _ in await objects(database)} - {"sqlite_sequence"}
    assert left <= {"migration", "migration_pkey"}
    assert len((await migrate(database, [alpha, beta])).applied) == 4


async def test_a_failure_leaves_the_database_exactly_as_it_was(
    database_url: str, make_app: MakeApp, nowhere: Path
) -> None:
    database = Database.from_url(database_url)
    good, bad = make_app("good", TABLE, ROWS), make_app("bad", TABLE, ROWS, BROKEN)
    with pytest.raises(MigrationError, match=r"bad: 2026-01-03-bad can't be run.*there_is_no_such_table"):
        await migrate(database, [good, bad])
    # not even the migration table
    assert await objects(database) == set()
    assert len(await pending(database, [good, bad])) == 5


async def test_a_failure_after_earlier_releases_keeps_them(database_url: str, make_app: MakeApp, nowhere: Path) -> None:
    database = Database.from_url(database_url)
    ids = ("2026-01-01-x", "2026-01-02-x", "2026-01-03-x")
    first = make_app("x", TABLE, ids=ids)
    await migrate(database, [first])
    await database.fetch("INSERT INTO x_things (name) VALUES ('kept')")
    before = await objects(database)
    second = make_app("x", TABLE, ROWS, BROKEN, ids=ids)
    with pytest.raises(MigrationError):
        await migrate(database, [second])
    assert await objects(database) == before
    assert await database.fetch("SELECT name FROM x_things") == [{"name": "kept"}]
    assert [step.id for step in await pending(database, [second])] == ["2026-01-02-x", "2026-01-03-x"]


async def test_backwards_failing_keeps_everything(database_url: str, make_app: MakeApp, nowhere: Path) -> None:
    database = Database.from_url(database_url)
    app = make_app("y", TABLE, ROWS)
    await migrate(database, [app])
    await database.fetch("DROP VIEW y_names")
    before = await objects(database)
    with pytest.raises(MigrationError, match="can't be undone"):
        await migrate(database, [app], "backwards")
    assert await objects(database) == before


async def test_up_to_a_target(database_url: str, make_app: MakeApp, nowhere: Path) -> None:
    database = Database.from_url(database_url)
    one, two = make_app("one", TABLE, ROWS), make_app("two", TABLE)
    assert [step.id for step in (await migrate(database, [one, two], target="2026-01-01-one")).applied] == [
        "2026-01-01-one"
    ]
    assert len((await migrate(database, [one, two])).applied) == 2
    back = await migrate(database, [one, two], "backwards", target="2026-01-02-one")
    assert [step.id for step in back.applied] == ["2026-01-02-one"]
    with pytest.raises(MigrationError, match="no migration nonsense"):
        await migrate(database, [one, two], target="nonsense")


async def test_dependencies_come_first_and_by_themselves(database_url: str, make_app: MakeApp, nowhere: Path) -> None:
    base = make_app("zz_base", TABLE)
    top = make_app("aa_top", TABLE, depends=(base,))
    report = await migrate(Database.from_url(database_url), [top])
    assert [step.app for step in report.applied] == ["zz_base", "aa_top"]


async def test_a_newer_release_ran_here(database_url: str, make_app: MakeApp, nowhere: Path) -> None:
    database = Database.from_url(database_url)
    ids = ("2026-01-01-n", "2026-01-02-n")
    await migrate(database, [make_app("n", TABLE, ROWS, ids=ids)])
    old = make_app("n", TABLE, ids=ids)
    report = await migrate(database, [old])
    assert report.applied == ()
    assert [step.id for step in report.unknown] == ["2026-01-02-n"]
    with pytest.raises(MigrationError, match="doesn't know how to undo"):
        await migrate(database, [old], "backwards")


async def test_ids_must_be_unique_over_all_apps(make_app: MakeApp, tmp_path: Path) -> None:
    database = Database.from_url(f"sqlite:///{tmp_path}/x.sqlite")
    apps = [make_app("p", TABLE, ids=("same",)), make_app("q", TABLE, ids=("same",))]
    with pytest.raises(MigrationError, match="p and q both have a migration same"):
        await migrate(database, apps)
    with pytest.raises(MigrationError, match="two apps are named p"):
        await migrate(database, [make_app("p", TABLE), make_app("p", TABLE)])
    with pytest.raises(MigrationError, match=r"no_such_plugin\.piccolo_app: ModuleNotFoundError"):
        await migrate(database, ["no_such_plugin.piccolo_app"])
    assert not (tmp_path / "x.sqlite").exists()


async def test_a_file_that_cannot_be_imported_is_named(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app("r", "raise_at_import = (")
    with pytest.raises(MigrationError, match=r"r: m0001\.py: SyntaxError"):
        await migrate(Database.from_url(f"sqlite:///{tmp_path}/x.sqlite"), [app])


async def test_the_environment_and_piccolo_are_left_as_they_were(
    database_url: str, make_app: MakeApp, nowhere: Path
) -> None:
    path, engine = list(sys.path), Migration._meta._db
    await migrate(Database.from_url(database_url), [make_app("s", TABLE)])
    assert os.environ["PICCOLO_CONF"] == "there_is_no_such_module"
    assert sys.path == path
    assert Migration._meta._db is engine
    assert not any(name.startswith("fluxgate_running") for name in sys.modules)


async def test_an_unreachable_database_is_unavailable(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app("t", TABLE)
    (tmp_path / "file").touch()
    for url in ("postgresql://u:s3cret@127.0.0.1:1/x", f"sqlite:///{tmp_path}/file/x.sqlite"):
        with pytest.raises(UnavailableError) as caught:
            await migrate(Database.from_url(url), [app])
        assert "s3cret" not in str(caught.value)


async def test_it_waits_for_another_and_gives_up(database_url: str, make_app: MakeApp, nowhere: Path) -> None:
    database = Database.from_url(database_url)
    app = make_app("u", TABLE)
    other = Database.from_url(database_url)
    await other.start()
    held, let_go = anyio.Event(), anyio.Event()

    async def hold() -> None:
        async with other.transaction():
            if other.dialect == "postgres":
                await other.fetch("SELECT pg_advisory_xact_lock({})", LOCK_KEY)
            held.set()
            await let_go.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        await held.wait()
        with pytest.raises(MigrationError, match="another process"):
            await migrate(database, [app], wait_timeout=0.2)
        tasks.start_soon(migrate, database, [app])
        await anyio.sleep(0.1)
        let_go.set()
    assert await pending(database, [app]) == []
    await other.stop()


async def test_eight_at_once_in_one_process(database_url: str, make_app: MakeApp, nowhere: Path) -> None:
    app = make_app("v", TABLE, ROWS)
    reports = await asyncio.gather(*(migrate(Database.from_url(database_url), [app]) for _ in range(8)))
    assert sorted(len(report.applied) for report in reports) == [0] * 7 + [2]


async def test_two_processes_at_once(database_url: str, make_app: MakeApp, nowhere: Path, tmp_path: Path) -> None:
    app = make_app("w", TABLE, ROWS, SLOW)
    script = (
        "import asyncio\nfrom fluxgate.db import Database\nfrom fluxgate.migrations import migrate\n"
        f"report = asyncio.run(migrate(Database.from_url({database_url!r}), [{app!r}]))\n"
        "print(len(report.applied))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=nowhere,
        )
        for _ in range(3)
    ]
    results = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], results
    assert sorted(out.strip() for out, _ in results) == ["0", "0", "3"]
    rows = await Database.from_url(database_url).fetch("SELECT name FROM w_names")
    assert rows == [{"name": "one"}]


async def test_drift_is_seen_without_a_database(make_app: MakeApp, nowhere: Path, tmp_path: Path) -> None:
    same = make_app("same", TABLE)
    other = make_app("other", TABLE.replace("50", "60"))
    assert await drift([same]) == {}
    found = await drift([same, other])
    assert list(found) == ["other"]
    assert "alter_column" in found["other"][0]
    assert list(nowhere.iterdir()) == []


async def test_the_installed_plugins_have_no_drift(nowhere: Path) -> None:
    assert await drift(["fluxgate_printing.piccolo_app"]) == {}
