"""`fluxgate migrate`: bring every plugin's tables up to date, under a lock, all or nothing."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from fluxgate.cli.common import assembled
from fluxgate.db import Database
from fluxgate.errors import PluginError
from fluxgate.migrations import migrate as run_migrations
from fluxgate.migrations import pending
from fluxgate.store import PICCOLO_APP


@click.command()
@click.option("--check", "check_only", is_flag=True, help="Only say what is pending; exit with 1 if something is.")
@click.pass_obj
def migrate(config: Path | None, check_only: bool) -> None:
    """Apply the pending migrations of the gateway and every plugin."""
    gateway = assembled(config)
    broken = [record.name for record in gateway.host.records if record.quarantine is not None]
    if broken:
        raise PluginError(f"these plugins can't be loaded, so their tables are unknown: {', '.join(broken)}")
    apps = [PICCOLO_APP]
    apps += [record.spec.piccolo_app for record in gateway.host.records if record.spec and record.spec.piccolo_app]
    settings = gateway.settings.database
    database = Database.from_url(settings.url, pool_size=2, connect_timeout=settings.connect_timeout)
    sys.exit(asyncio.run(_run(database, apps, check_only=check_only)))


async def _run(database: Database, apps: list[str], *, check_only: bool) -> int:
    await database.start()
    try:
        if check_only:
            missing = await pending(database, apps)
            for step in missing:
                click.echo(f"pending: {step.app} {step.id} {step.description}".rstrip())
            if not missing:
                click.echo("up to date")
            return 1 if missing else 0
        report = await run_migrations(database, apps)
        for step in report.applied:
            click.echo(f"applied: {step.app} {step.id} {step.description}".rstrip())
        if not report.applied:
            click.echo("up to date")
        return 0
    finally:
        await database.stop()
