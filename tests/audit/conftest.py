"""A database with the gateway's own tables, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fluxgate.db import Database
from fluxgate.migrations import migrate
from tests.support.postgres import GATEWAY


@pytest.fixture
async def audited(database_url: str) -> AsyncIterator[Database]:
    database = Database.from_url(database_url)
    await database.start()
    await migrate(database, [GATEWAY])
    yield database
    await database.stop()
