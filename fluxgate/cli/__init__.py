"""The `fluxgate` command, one module a command; plugins add theirs as `fluxgate <plugin> …`."""

from fluxgate.cli.main import main

__all__ = ["main"]
