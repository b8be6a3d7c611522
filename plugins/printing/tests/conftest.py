"""Fixtures of all tests below this folder."""

from __future__ import annotations

import pytest

from tests.support.databases import database, database_url, migrated_url, sqlite_template
from tests.support.moonraker import moonraker, moonraker_server
from tests.support.octoprint import octoprint, octoprint_server
from tests.support.postgres import fresh_postgres_url, migrated_postgres_url, postgres_server
from tests.support.prusalink import prusalink, prusalink_server

__all__ = [
    "database",
    "database_url",
    "fresh_postgres_url",
    "migrated_postgres_url",
    "migrated_url",
    "moonraker",
    "moonraker_server",
    "octoprint",
    "octoprint_server",
    "postgres_server",
    "prusalink",
    "prusalink_server",
    "sqlite_template",
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
