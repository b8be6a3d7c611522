"""`fluxgate init`: write a commented configuration file."""

from __future__ import annotations

from pathlib import Path

import click

from fluxgate.cli.common import declared_settings
from fluxgate.settings import CONFIG_NAME
from fluxgate.settings.template import init_template


@click.command()
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.pass_obj
def init(config: Path | None, force: bool) -> None:
    """Write a commented fluxgate.toml with every setting and its default."""
    path = config or Path(CONFIG_NAME)
    if path.exists() and not force:
        raise click.ClickException(f"{path} is there already; --force overwrites it")
    text = init_template(declared_settings())
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path} can't be written: {error.strerror}") from None
    click.echo(f"wrote {path}")
