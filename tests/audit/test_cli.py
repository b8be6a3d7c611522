"""`fluxgate audit` as a command, on the database of a gateway that ran."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from fluxgate.audit.command import recorded_command
from fluxgate.db import Database
from fluxgate.settings import AuditSettings
from tests.support.cli import Site
from tests.support.printing_gateway import wait_for

PLUGIN = """
from litestar import delete, post
from litestar.di import NamedDependency
from fluxgate.hookspecs import hookimpl
from fluxgate.plugin import PUBLIC, AuditNotes, PluginSpec

@post("/things", policy=PUBLIC)
async def make(audit: NamedDependency[AuditNotes]) -> None:
    audit.note(target="thing-1", size=3)

@delete("/things", policy=PUBLIC)
async def clear() -> None: ...

@hookimpl
def fluxgate_plugin(settings) -> PluginSpec:
    return PluginSpec(title="T", version="1", handlers=(make, clear))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("audit"))
    site.install("t", PLUGIN)
    site.configure(enabled=("t",), data_dir=str(site.folder / "data"))
    with site.serve() as server:
        for _ in range(3):
            assert server.client.post("/api/t/things").status_code == 201
        assert server.client.delete("/api/t/things").status_code == 204
        # until the last outcome is there
        wait_for(lambda: not server.client.get("/-/audit?result=unfinished").json()["items"])
    return site


def test_a_table_of_changes(site: Site) -> None:
    ran = site.fluxgate("audit", "list", "--limit", "2")
    lines = ran.stdout.splitlines()
    assert lines[0].split() == ["SEQ", "WHEN", "WHO", "ACTION", "TARGET", "RESULT", "FROM"]
    assert [line.split()[2:] for line in lines[1:]] == [
        ["local", "t.clear", "-", "done", "204", "127.0.0.1"],
        ["local", "t.make", "thing-1", "done", "201", "127.0.0.1"],
    ]
    more = ran.stderr.split()[-1]
    assert len(site.fluxgate("audit", "list", "--before", more).stdout.splitlines()) == 3


def test_filters_and_json(site: Site) -> None:
    filters = ["--action", "t.make", "--principal", "local", "--result", "done", "--since", "2020-01-01"]
    ran = site.fluxgate("audit", "list", "--json", *filters)
    assert ran.returncode == 0, ran.stderr
    assert [json.loads(line)["target"] for line in ran.stdout.splitlines()] == ["thing-1"] * 3


def test_a_time_that_is_none(site: Site) -> None:
    ran = site.fluxgate("audit", "list", "--since", "yesterday")
    assert ran.returncode == 2
    assert "no date or time" in ran.stderr


def test_verify_prints_the_head_and_takes_it(site: Site, tmp_path: Path) -> None:
    ran = site.fluxgate("audit", "verify")
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert lines[0] == "ok: 8 record(s), 1 to 8"
    head = lines[-1].removeprefix("head: ")
    assert site.fluxgate("audit", "verify", "--head", head).returncode == 0
    wrong = site.fluxgate("audit", "verify", "--head", "ab" * 32)
    assert wrong.returncode == 1
    assert "cut" in wrong.stderr
    output = tmp_path / "export.jsonl"
    assert site.fluxgate("audit", "export", "-o", str(output)).returncode == 0
    assert site.fluxgate("audit", "export", "-o", str(output)).returncode == 1
    assert output.read_text() == site.fluxgate("audit", "export").stdout
    assert site.fluxgate("audit", "verify", "--file", str(output), "--head", head).returncode == 0
    output.write_text(output.read_text().replace("t.clear", "t.other"))
    broken = site.fluxgate("audit", "verify", "--file", str(output))
    assert (broken.returncode, broken.stderr) == (1, "broken: record 7 was changed\n")


def test_prune_and_then_tamper(site: Site, tmp_path: Path) -> None:
    database = tmp_path / "copy.sqlite"
    source, copy = sqlite3.connect(site.folder / "data/fluxgate.sqlite"), sqlite3.connect(database)
    source.backup(copy)
    source.close()
    variables = {"FLUXGATE_DATABASE_URL": f"sqlite:///{database}"}
    archive = tmp_path / "archive.jsonl"
    ran = site.fluxgate("audit", "prune", "--before", "2999-01-01", "--export", str(archive), **variables)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("8 record(s) through 8 are in ")
    verified = site.fluxgate("audit", "verify", **variables)
    assert "follows archived record 8" in verified.stdout
    assert site.fluxgate("audit", "verify", "--file", str(archive)).returncode == 0
    copy.execute("DROP TRIGGER audit_records_no_update")
    copy.execute("UPDATE audit_records SET principal = 'eve'")
    copy.commit()
    copy.close()
    broken = site.fluxgate("audit", "verify", **variables)
    assert broken.returncode == 1
    assert broken.stderr.splitlines()[-1] == "broken: record 9 was changed"


def test_without_a_database_it_says_so(site: Site, tmp_path: Path) -> None:
    missing = f"sqlite:///{tmp_path}/none.sqlite"
    ran = site.fluxgate("audit", "list", FLUXGATE_DATABASE_URL=missing)
    assert ran.returncode == 2
    assert "there is no database" in ran.stderr
    sqlite3.connect(tmp_path / "none.sqlite").close()
    ran = site.fluxgate("audit", "verify", FLUXGATE_DATABASE_URL=missing)
    assert "run `fluxgate migrate`" in ran.stderr


@pytest.mark.anyio
async def test_commands_are_recorded(audited: Database) -> None:
    async with recorded_command(audited, AuditSettings(), "keys.create") as audit:
        audit.note(target="key-1", name="ci")
    with pytest.raises(RuntimeError):
        async with recorded_command(audited, AuditSettings(), "keys.revoke", target="key-1"):
            raise RuntimeError
    async with recorded_command(audited, AuditSettings(enabled=False), "keys.create"):
        pass
    rows = await audited.fetch("SELECT kind, principal, method, action, target, result FROM audit_records ORDER BY seq")
    assert [(row["kind"], row["action"], row["target"], row["result"]) for row in rows] == [
        ("intent", "keys.create", "", ""),
        ("outcome", "", "key-1", "done"),
        ("intent", "keys.revoke", "", ""),
        ("outcome", "", "key-1", "failed"),
    ]
    assert rows[0]["principal"].startswith("cli:")
