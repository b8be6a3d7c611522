"""`fluxgate run`: start the gateway and say where to look."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from fluxgate import __version__
from fluxgate.app import Gateway, create_app
from fluxgate.cli.common import configured
from fluxgate.plugins.discovery import installed
from fluxgate.server import make_server
from fluxgate.settings import unknown_sections


@click.command()
@click.option("--strict", is_flag=True, help="Refuse to start when a plugin fails, instead of quarantining it.")
@click.pass_obj
def run(config: Path | None, strict: bool) -> None:
    """Serve."""
    if strict:
        os.environ["FLUXGATE_GATEWAY__STRICT"] = "true"
    settings = configured(config)
    for error in unknown_sections(settings, installed()):
        if settings.gateway.strict:
            raise error
        click.echo(f"fluxgate: {error}", err=True)
    gateway = create_app(settings, os.environ)
    server = make_server(gateway, settings.gateway, lambda host, port: _greet(gateway, host, port))
    server.run()
    if not server.started:
        sys.exit(3)


def _greet(gateway: Gateway, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    base = f"http://{shown}:{port}"
    lines = [f"Fluxgate {__version__} is listening on {base}", ""]
    for record in gateway.host.records:
        title = record.spec.title if record.spec else record.name
        status = record.status if record.quarantine is None else f"quarantined: {record.quarantine.reason}"
        lines.append(f"  {record.prefix}  {title} ({status})")
    lines += ["", "Look at", f"  {base}/-/health", f"  {base}/-/openapi.json"]
    for record in gateway.host.records:
        if record.spec is not None and record.quarantine is None and record.spec.examples:
            lines += ["", "Try"]
            lines += ["  " + example.replace("{base}", base) for example in record.spec.examples]
    click.echo("\n".join(lines) + "\n")
