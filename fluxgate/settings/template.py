"""The commented `fluxgate.toml` that `fluxgate init` writes, made from the settings structs so that it can't go stale.

Text is behind `# `; a key or table that may be uncommented is behind `#` alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fluxgate.settings.describe import PluginSection, TableDoc, describe
from fluxgate.settings.model import Sections
from fluxgate.settings.sources import key_name

__all__ = ["init_template"]

WIDTH = 100
HEAD = """\
# Fluxgate's configuration. Every key is shown with its default; uncomment what you change.
#
# Any key can be set from the environment too, which wins over this file: gateway.log_level is
# FLUXGATE_GATEWAY__LOG_LEVEL, plugins.NAME.some.key is FLUXGATE_PLUGINS__NAME__SOME__KEY.
#
# Keep secrets elsewhere: "env:NAME" is what the environment variable NAME holds, "file:PATH" what the file PATH holds.
# ("literal:TEXT" is TEXT itself, for a value that begins with one of these words.)
"""


def init_template(plugins: Sequence[PluginSection]) -> str:
    """The whole file, with a section for each of `plugins`."""
    lines = [HEAD.rstrip("\n")]
    for name, struct in Sections.own().items():
        lines += _tables(describe(struct, (name,)))
    for plugin in plugins:
        lines += ["", "", *_prose(f"{plugin.title} ({plugin.name})")]
        if plugin.environment:
            names = ", ".join(f"{variable} ({key})" for variable, key in plugin.environment.items())
            lines += _prose(f"From the environment: {names}.")
        lines += _tables(describe(plugin.type, ("plugins", plugin.name)))
    return "\n".join(lines) + "\n"


def _tables(top: TableDoc) -> Iterator[str]:
    for table in top.walk():
        yield ""
        yield from _prose(table.text)
        name = key_name(table.path)
        header = f"[[{name}]]" if table.array else f"[{name}]"
        yield f"#{header}" if table.optional else header
        for key in table.keys:
            choices = f"One of {', '.join(key.choices)}." if key.choices else ""
            if key.text:
                yield ""
                yield from _prose(f"{key.text} {choices}")
            yield f"#{key.name} = {key.example}" + ("" if key.default or key.required else "  # not set by default")


def _prose(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from textwrap.wrap(
            " ".join(paragraph.split()), WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
        )
