"""`fluxgate check`, `plugins`, `routes`, `openapi`: look at the gateway as configured, without starting it."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from fluxgate.app import Gateway
from fluxgate.cli.common import assembled, table
from fluxgate.plugins.discovery import installed
from fluxgate.settings import unknown_sections


@click.command()
@click.pass_obj
def check(config: Path | None) -> None:
    """Check configuration and plugins; exit with 1 if something is wrong."""
    gateway = assembled(config)
    problems = [str(error) for error in unknown_sections(gateway.settings, installed())]
    problems += [
        f"plugin {record.name} ({record.quarantine.stage}): {record.quarantine.reason}"
        for record in gateway.host.records
        if record.quarantine is not None
    ]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"ok: {len(gateway.host.records)} plugin(s), {sum(1 for _ in gateway.table)} routes")


@click.command()
@click.pass_obj
def plugins(config: Path | None) -> None:
    """List the plugins, and which are in quarantine and why; exit with 1 if one is."""
    gateway = assembled(config)
    rows: list[tuple[str, ...]] = [("NAME", "VERSION", "STATUS", "PREFIX", "TITLE")]
    for record in gateway.host.records:
        status = "ok" if record.quarantine is None else f"quarantined ({record.quarantine.stage})"
        title = record.spec.title if record.spec else ""
        rows.append((record.name, record.version or "-", status, record.prefix, title))
    # Named without being imported: what isn't enabled must not run.
    idle = sorted(installed().keys() - gateway.host.by_name.keys())
    rows += [(name, "-", "not enabled", f"/api/{name}", "") for name in idle]
    table(rows)
    failed = [record for record in gateway.host.records if record.quarantine is not None]
    for record in failed:
        if record.quarantine is not None:
            click.echo(f"{record.name}: {record.quarantine.reason}", err=True)
    if failed:
        sys.exit(1)


@click.command()
@click.pass_obj
def routes(config: Path | None) -> None:
    """List every route: methods, path, plugin, kind."""
    gateway = assembled(config)
    rows: list[tuple[str, ...]] = [("METHODS", "PATH", "PLUGIN", "KIND", "SUMMARY")]
    rows += [
        (",".join(sorted(route.methods)), route.template, route.plugin or "-", route.kind, route.summary)
        for route in sorted(gateway.table, key=lambda route: (route.template, sorted(route.methods)))
    ]
    table(rows)


@click.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="File to write.")
@click.pass_obj
def openapi(config: Path | None, output: Path | None) -> None:
    """Print the OpenAPI document of all routes."""
    gateway: Gateway = assembled(config)
    text = msgspec.json.format(msgspec.json.encode(gateway.openapi()), indent=2)
    if output is None:
        click.echo(text)
    else:
        try:
            output.write_bytes(text + b"\n")
        except OSError as error:
            raise click.ClickException(f"{output} can't be written: {error.strerror}") from None
