"""The fixtures `database_url` (empty) and `database` (started, with the printing schema), each on SQLite and on
PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fluxgate.db import Database
from fluxgate.migrations import migrate
from tests.support.postgres import PRINTING, in_a_loop_of_its_own

DIALECTS = ("sqlite", "postgres")


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database's URL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.sqlite"
    return str(request.getfixturevalue("fresh_postgres_url"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A SQLite file with the printing plugin's schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite"
    in_a_loop_of_its_own(migrate(Database.from_url(f"sqlite:///{path}"), (PRINTING,)))
    return path.read_bytes()


@pytest.fixture(params=DIALECTS)
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the printing plugin's schema and no rows."""
    if request.param == "sqlite":
        path = tmp_path / "printing.sqlite"
        path.write_bytes(request.getfixturevalue("sqlite_template"))
        return f"sqlite:///{path}"
    return str(request.getfixturevalue("migrated_postgres_url"))


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    """A started database with the printing plugin's schema and no rows."""
    database = Database.from_url(migrated_url)
    await database.start()
    yield database
    await database.stop()
