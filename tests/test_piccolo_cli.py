"""Piccolo's own command line on the configured database, from the checkout and from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fluxgate.db import Database
from tests.support.postgres import in_a_loop_of_its_own

CHECKOUT = Path(__file__).parent.parent


def piccolo(cwd: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("FLUXGATE_", "PICCOLO_", "PYTHON"))
    }
    return subprocess.run(
        [Path(sys.executable).parent / "piccolo", *arguments],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def jobs_table_is_there(url: str) -> bool:
    database = Database.from_url(url)
    if database.dialect == "sqlite":
        sql = "SELECT 1 AS one FROM sqlite_master WHERE name = 'print_jobs'"
    else:
        sql = "SELECT 1 AS one WHERE to_regclass('print_jobs') IS NOT NULL"
    return bool(in_a_loop_of_its_own(database.fetch(sql)))


def test_forwards_check_backwards_from_the_checkout(database_url: str) -> None:
    done = piccolo(CHECKOUT, "migrations", "forwards", "all", FLUXGATE_DATABASE_URL=database_url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert jobs_table_is_there(database_url)

    checked = piccolo(CHECKOUT, "migrations", "check", FLUXGATE_DATABASE_URL=database_url)
    assert checked.returncode == 0
    rows = [line for line in checked.stdout.splitlines() if line.startswith("printing")]
    assert len(rows) >= 2
    assert all(row.endswith("True") for row in rows)

    back = piccolo(
        CHECKOUT, "migrations", "backwards", "printing", "all", "--auto_agree", FLUXGATE_DATABASE_URL=database_url
    )
    assert back.returncode == 0, back.stdout + back.stderr
    assert not jobs_table_is_there(database_url)

    again = piccolo(CHECKOUT, "migrations", "forwards", "all", FLUXGATE_DATABASE_URL=database_url)
    assert again.returncode == 0, again.stdout + again.stderr
    assert jobs_table_is_there(database_url)


def test_from_an_empty_folder_with_the_defaults(tmp_path: Path) -> None:
    done = piccolo(tmp_path, "migrations", "forwards", "all", PICCOLO_CONF="fluxgate.piccolo_conf")
    assert done.returncode == 0, done.stdout + done.stderr
    assert jobs_table_is_there(f"sqlite:///{tmp_path}/fluxgate-data/fluxgate.sqlite")


@pytest.mark.parametrize("named", [True, False])
def test_the_config_file_names_the_database(tmp_path: Path, named: bool) -> None:
    (tmp_path / "etc").mkdir()
    config = (tmp_path / "etc" if named else tmp_path) / "fluxgate.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/mine.sqlite"\n')
    environment = {"FLUXGATE_CONFIG": str(config)} if named else {}
    done = piccolo(tmp_path, "migrations", "forwards", "all", PICCOLO_CONF="fluxgate.piccolo_conf", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert jobs_table_is_there(f"sqlite:///{tmp_path}/mine.sqlite")


def test_a_broken_plugin_does_not_break_the_others(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fluxgate.piccolo_apps]\nabroken = broken_piccolo.piccolo_app\n")
    (tmp_path / "broken_piccolo").mkdir()
    (tmp_path / "broken_piccolo" / "__init__.py").write_text("raise RuntimeError('broken on purpose')\n")
    done = piccolo(
        tmp_path, "migrations", "forwards", "all", PICCOLO_CONF="fluxgate.piccolo_conf", PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "abroken is left out" in done.stderr
    assert jobs_table_is_there(f"sqlite:///{tmp_path}/fluxgate-data/fluxgate.sqlite")
