"""Puts the commands together. A wrong configuration or a broken plugin ends in one clear line, not in a traceback."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from fluxgate import __version__
from fluxgate.cli.audit import audit
from fluxgate.cli.init import init
from fluxgate.cli.inspect import check, openapi, plugins, routes
from fluxgate.cli.keys import keys
from fluxgate.cli.migrate import migrate
from fluxgate.cli.run import run
from fluxgate.errors import FluxgateError
from fluxgate.plugins.discovery import discover, installed
from fluxgate.plugins.loading import load
from fluxgate.settings import load_settings


class GatewayGroup(click.Group):
    """The built-in commands, and each installed plugin's as a group of its name, loaded when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Part of click.Group."""
        return [*super().list_commands(ctx), *sorted(name for name in installed() if name not in self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Part of click.Group."""
        return super().get_command(ctx, cmd_name) or self._plugin_group(ctx, cmd_name)

    def _plugin_group(self, ctx: click.Context, name: str) -> click.Command | None:
        available = installed()
        if name not in available:
            return None
        try:
            settings = load_settings(ctx.params.get("config"))
        except FluxgateError as error:
            return _broken(name, str(error))
        [(record, entry_point)] = discover([name], available)
        if entry_point is not None and record.quarantine is None:
            load(record, entry_point, settings, os.environ)
        if record.quarantine is not None or record.spec is None:
            return _broken(name, record.quarantine.reason if record.quarantine else "no declaration")
        if not record.spec.commands:
            return None
        return click.Group(name, commands=list(record.spec.commands), help=record.spec.title)


def _broken(name: str, reason: str) -> click.Command:
    """Stands for a plugin's commands in `--help` and says why there are none, whatever it is given."""

    def fail(arguments: tuple[str, ...]) -> None:
        raise click.ClickException(f"plugin {name}: {reason}")

    return click.Command(
        name,
        callback=fail,
        params=[click.Argument(["arguments"], nargs=-1)],
        context_settings={"ignore_unknown_options": True},
        help=f"(can't be loaded: {reason})",
        short_help=f"(can't be loaded: {reason})",
    )


@click.group(cls=GatewayGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fluxgate")
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="FLUXGATE_CONFIG",
    help="Configuration file; by default ./fluxgate.toml, if it is there.",
)
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """An API gateway that hosts plugins."""
    ctx.obj = config


for command in (run, init, check, plugins, routes, keys, migrate, openapi, audit):
    cli.add_command(command)


def main() -> None:
    """Entry point."""
    # Until a command sets up logging: why a plugin can't be loaded is said in its place, without the traceback.
    logging.getLogger("fluxgate").addHandler(logging.NullHandler())
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except FluxgateError as error:
        click.echo(f"fluxgate: {error}", err=True)
        sys.exit(2)
