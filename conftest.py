"""Settings of the whole test run, over both distributions' tests, and the fixtures that both use."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.adversarial.ledger import PROPERTY, summary
from tests.support.databases import database, database_url, migrated_url, sqlite_template
from tests.support.postgres import fresh_postgres_url, migrated_postgres_url, postgres_server

__all__ = [
    "database",
    "database_url",
    "fresh_postgres_url",
    "migrated_postgres_url",
    "migrated_url",
    "postgres_server",
    "sqlite_template",
]

# How long an example takes says more about the machine than about the code. CI tries the same examples each time.
settings.register_profile(
    "fluxgate",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
    print_blob=True,
)
settings.load_profile("fluxgate")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a run with attacks in it: what was tried, and what got through."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    entries = [
        value
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if entries:
        terminalreporter.section("attacks")
        for line in summary([(category, tried, through) for category, tried, through in entries]):
            terminalreporter.write_line(line)
