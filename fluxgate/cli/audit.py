"""`fluxgate audit list`, `verify`, `export`, `prune`: the record of every change."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, get_args

import click
import msgspec

from fluxgate.audit.archive import AuditFileError, export, prune, read_export
from fluxgate.audit.chain import records
from fluxgate.audit.command import command_principal
from fluxgate.audit.reading import MOST, AuditFilter, ChangePage, ChangeView, Outcome, changes, moment
from fluxgate.audit.verify import Verdict
from fluxgate.audit.verify import verify as walk
from fluxgate.cli.common import configured, table
from fluxgate.db import Database
from fluxgate.migrations import pending
from fluxgate.store import PICCOLO_APP

T = TypeVar("T")

EXIT_BROKEN = 1
_HEADING = ("SEQ", "WHEN", "WHO", "ACTION", "TARGET", "RESULT", "FROM")


class _Moment(click.ParamType[str]):
    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Part of click."""
        try:
            return moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def audit() -> None:
    """Who changed what: list, verify, export and archive the record of every change."""


@audit.command("list")
@click.option("--since", type=_Moment(), help="From this time on (ISO 8601, UTC unless it says otherwise).")
@click.option("--until", type=_Moment(), help="Before this time.")
@click.option("--principal", default="", help="By this caller's id.")
@click.option("--action", default="", help="This action; `printing.*` is all that begin so.")
@click.option("--result", type=click.Choice(get_args(Outcome)), help="With this result.")
@click.option("--before", type=click.IntRange(1), help="Older than this record: the next page.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.pass_obj
def list_(
    config: Path | None,
    *,
    since: str | None,
    until: str | None,
    principal: str,
    action: str,
    result: Outcome | None,
    before: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List changes, newest first."""
    wanted = AuditFilter(
        since=since or "",
        until=until or "",
        principal=principal,
        action=action,
        result=result or "",
        before=before or 0,
        limit=limit,
    )
    page: ChangePage = _with_database(config, lambda database: changes(database, wanted))
    if as_json:
        for item in page.items:
            click.echo(msgspec.json.encode(item))
    else:
        table([_HEADING, *(_row(item) for item in page.items)])
    if page.next is not None:
        click.echo(f"more: --before {page.next}", err=True)


@audit.command()
@click.option("--head", default="", metavar="HASH", help="A hash printed by an earlier run: that record must be there.")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verify an export, without any database.",
)
@click.pass_obj
def verify(config: Path | None, head: str, path: Path | None) -> None:
    """Walk the chain; exit with 1 and name the first record that was changed, removed or put elsewhere.

    The end of a chain can be cut without a trace inside it: keep the printed head elsewhere, and give it to the next
    run.
    """
    pinned = head.strip().lower()
    if path is None:
        verdict: Verdict = _with_database(config, lambda database: walk(records(database), pinned=pinned))
    else:
        with path.open("rb") as file:
            verdict = asyncio.run(walk(read_export(file), pinned=pinned, whole=False))
    if verdict.fault:
        click.echo(f"broken: {verdict.fault}", err=True)
        sys.exit(EXIT_BROKEN)
    if not verdict.count:
        click.echo("ok: no records")
        return
    click.echo(f"ok: {verdict.count} record(s), {verdict.first} to {verdict.last}")
    if verdict.first > 1:
        click.echo(f"follows archived record {verdict.first - 1}, whose hash is {verdict.after}")
    if verdict.unfinished_count:
        shown = ", ".join(map(str, verdict.unfinished[:10])) + (", …" if verdict.unfinished_count > 10 else "")
        click.echo(f"unfinished: {verdict.unfinished_count} change(s) without an outcome: {shown}")
    click.echo(f"head: {verdict.head}")


@audit.command("export")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="New file; else standard output.")
@click.pass_obj
def export_(config: Path | None, output: Path | None) -> None:
    """Write all records as JSON lines, which `verify --file` checks."""
    if output is None:
        _with_database(config, lambda database: export(database, sys.stdout.buffer))
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("xb") as file:
            count = _with_database(config, lambda database: export(database, file))
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}") from None
    click.echo(f"{count} record(s) in {output}")


@audit.command("prune")
@click.option("--before", required=True, type=_Moment(), help="Archive what is older than this time.")
@click.option(
    "--export",
    "output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="New file for the archived records.",
)
@click.pass_obj
def prune_(config: Path | None, before: str, output: Path) -> None:
    """Move the oldest records to a file. A checkpoint in their place keeps the chain whole."""
    try:
        pruned = _with_database(config, lambda database: prune(database, before, output, principal=command_principal()))
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}") from None
    if pruned is None:
        click.echo("nothing is that old")
        return
    click.echo(f"{pruned.count} record(s) through {pruned.through} are in {output} (SHA-256 {pruned.sha256})")


def _with_database(config: Path | None, work: Callable[[Database], Awaitable[T]]) -> T:
    settings = configured(config).database
    database = Database.from_url(settings.url, pool_size=2, connect_timeout=settings.connect_timeout)

    async def run() -> T:
        if settings.is_sqlite and not settings.sqlite_path.exists():
            raise AuditFileError(f"there is no database {settings.sqlite_path} yet")
        await database.start()
        try:
            if await pending(database, [PICCOLO_APP]):
                raise AuditFileError("the gateway's tables aren't up to date: run `fluxgate migrate`")
            return await work(database)
        finally:
            await database.stop()

    return asyncio.run(run())


def _row(item: ChangeView) -> tuple[str, ...]:
    who = item.principal or "-"
    if item.principal_name and item.principal_name != item.principal:
        who += f" ({item.principal_name})"
    params = " ".join(f"{name}={value}" for name, value in item.params.items())
    result = f"{item.result} {item.status or ''} {item.code}".strip()
    return (
        str(item.seq),
        item.at[:19] + "Z",
        who,
        item.action,
        item.target or params or "-",
        result,
        item.client or "-",
    )
