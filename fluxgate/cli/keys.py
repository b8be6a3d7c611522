"""`fluxgate keys create | list | revoke`: API keys, on the database itself; no gateway has to run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from fluxgate.audit import recorded_command
from fluxgate.auth.apikeys import NewKey
from fluxgate.auth.keystore import KeyRecord, KeyStore
from fluxgate.auth.views import KeyRequest, KeyView
from fluxgate.cli.common import configured, table
from fluxgate.db import Database
from fluxgate.settings import Settings
from fluxgate.store import Store

T = TypeVar("T")

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_DURATION = re.compile(r"(?P<number>[1-9][0-9]{0,8})(?P<unit>[smhdwy])\Z")
CREATED_BY = "command line"


class Duration(click.ParamType[int]):
    """`90d` → seconds."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Part of click.ParamType."""
        if isinstance(value, int):
            return value
        found = _DURATION.match(value)
        if found is None:
            self.fail(f"{value!r} is not a duration like 12h, 90d or 1y", param, ctx)
        return int(found["number"]) * _UNITS[found["unit"]]


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, help="A role that the key has (again for more); `admin` may do all.")
@click.option("--group", "groups", multiple=True, help="A group that the key is in (again for more).")
@click.option("--scope", "scopes", multiple=True, help="Restrict the key to this scope (again for more).")
@click.option("--subject", help="The id of whoever calls with it; by default one of the key's own.")
@click.option("--expires", type=Duration(), help="When it ends: 12h, 90d, 1y; by default never.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def create(
    config: Path | None,
    name: str,
    *,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    scopes: tuple[str, ...],
    subject: str | None,
    expires: int | None,
    as_json: bool,
) -> None:
    """Make an API key called NAME, and print it: it can't be shown again."""
    fields = {"name": name, "roles": roles, "groups": groups, "scopes": scopes or None, "expires_in": expires}
    try:
        wanted = msgspec.convert({**fields, "subject": subject}, KeyRequest)
    except msgspec.ValidationError as error:
        raise click.ClickException(str(error)) from None
    settings = configured(config)
    now = datetime.now(UTC)

    async def make(store: KeyStore, database: Database) -> tuple[KeyRecord, NewKey]:
        async with recorded_command(database, settings.audit, "gateway.key.create") as audit:
            record, key = await store.create(wanted.grant(now), CREATED_BY)
            audit.note(target=record.id, subject=record.subject)
            return record, key

    record, key = _on_database(settings, make)
    if as_json:
        view = {"key": key.text, "record": KeyView.of(record, now)}
        click.echo(msgspec.json.format(msgspec.json.encode(view), indent=2))
    else:
        click.echo(key.text)
        click.echo(f"The key {record.id} ({record.name}) calls as {record.subject}. It isn't shown again.", err=True)
    if not settings.auth.keys.enabled:
        click.echo("The gateway takes no API keys until auth.keys.enabled is true.", err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_keys(config: Path | None, as_json: bool) -> None:
    """List the API keys, the newest first."""
    now = datetime.now(UTC)
    views = [KeyView.of(record, now) for record in _on_database(configured(config), lambda store, _: store.all())]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(views), indent=2))
        return
    rows: list[tuple[str, ...]] = [("ID", "NAME", "STATUS", "SUBJECT", "ROLES", "SCOPES", "EXPIRES", "LAST USED")]
    rows += [
        (
            view.id,
            view.name,
            view.status,
            view.subject,
            ",".join(view.roles) or "-",
            "any" if view.scopes is None else ",".join(view.scopes) or "none",
            _day(view.expires_at),
            _day(view.last_used_at),
        )
        for view in views
    ]
    table(rows)


@keys.command()
@click.argument("key_id", metavar="ID")
@click.pass_obj
def revoke(config: Path | None, key_id: str) -> None:
    """Revoke the API key ID for good. Running gateways notice within auth.keys.cache_seconds."""
    settings = configured(config)

    async def end(store: KeyStore, database: Database) -> KeyRecord | None:
        async with recorded_command(database, settings.audit, "gateway.key.revoke", target=key_id):
            return await store.revoke(key_id)

    record = _on_database(settings, end)
    if record is None:
        raise click.ClickException(f"there is no key {key_id} (`fluxgate keys list` shows all)")
    click.echo(f"revoked: {record.id} {record.name}")


def _day(at: datetime | None) -> str:
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M")


def _on_database(settings: Settings, work: Callable[[KeyStore, Database], Awaitable[T]]) -> T:
    """Run `work` on the gateway's own tables, brought up to date first if that is this process's business."""

    async def run() -> T:
        store = Store(settings)
        await store.start()
        try:
            if store.failure is not None:
                raise click.ClickException(store.failure)
            return await work(KeyStore(store.require()), store.require())
        finally:
            await store.stop()

    return asyncio.run(run())
