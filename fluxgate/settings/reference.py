"""Writes docs/configuration.md: `python -m fluxgate.settings.reference > docs/configuration.md`.

All text about keys is in the settings structs of the gateway and of the installed plugins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points

from fluxgate.settings.describe import PluginSection, TableDoc, describe
from fluxgate.settings.environment import SHORTHANDS
from fluxgate.settings.model import Sections
from fluxgate.settings.sources import key_name

__all__ = ["installed_sections", "reference"]

HEAD = """\
# Configuration

<!-- Generated: `.venv/bin/python -m fluxgate.settings.reference > docs/configuration.md` -->

`fluxgate init` writes this as a commented `fluxgate.toml`; `fluxgate check` reads a configuration and tells
what is wrong.

## Where settings come from

1. The environment wins over
2. the file: `--config FILE`, else `FLUXGATE_CONFIG`, else `fluxgate.toml` in the working directory if it is there, over
3. the defaults below.

Unknown keys and `FLUXGATE_*` variables that set nothing are errors. An error names the file, the line, the
key and the nearest valid key; all mistakes of a section are told at once:

```
fluxgate.toml:7: plugins.printing.fluxprint.urll: unknown key. Did you mean `url`?
```

**Environment.** A double underscore is a dot: `gateway.log_level` is `FLUXGATE_GATEWAY__LOG_LEVEL`,
`plugins.printing.files.max_files` is `FLUXGATE_PLUGINS__PRINTING__FILES__MAX_FILES`. Case doesn't matter, `-`
in a key is written `_`. Lists are JSON or divided by commas, tables are JSON, truth is `true`, `yes`, `on`,
`1` or `false`, `no`, `off`, `0`. An empty variable counts as unset. Plugins name variables of their own
besides (below); where both set a key, `FLUXGATE_PLUGINS__…` wins.

**Secrets.** Any text may be `env:NAME` (what that environment variable holds) or `file:PATH` (what that file
holds, without its last line end), also when it comes from a variable itself:
`OCTOPRINT_API_KEY=file:/run/secrets/octoprint`. `literal:TEXT` is TEXT as it stands, for a value that begins
with one of the three words. Error texts never show what a reference stands for, nor what a variable holds.

**Relative paths** in the file start from the file's folder, those in the environment from the working
directory.
"""


def reference(plugins: Sequence[PluginSection]) -> str:
    """The whole document, with a section for each of `plugins`."""
    lines = [HEAD]
    for name, struct in Sections.own().items():
        lines += _tables(describe(struct, (name,)))
        shorthands = {variable: key_name(path) for variable, path in SHORTHANDS.items() if path[0] == name}
        lines += _variables(shorthands)
    for plugin in plugins:
        lines += _tables(describe(plugin.type, ("plugins", plugin.name)))
        section = f"plugins.{plugin.name}"
        lines += _variables({variable: f"{section}.{key}" for variable, key in plugin.environment.items()})
    return "\n".join(lines).rstrip("\n") + "\n"


def installed_sections() -> list[PluginSection]:
    """The settings of every installed plugin; one that can't be imported raises."""
    sections: list[PluginSection] = []
    for entry_point in sorted(entry_points(group="fluxgate.plugins"), key=lambda found: found.name):
        plugin = entry_point.load()
        declared = plugin.fluxgate_settings() if hasattr(plugin, "fluxgate_settings") else None
        if declared is not None:
            name = entry_point.name
            section = PluginSection(name=name, title=name, type=declared.type, environment=declared.environment)
            sections.append(section)
    return sections


def _tables(top: TableDoc) -> Iterator[str]:
    for table in top.walk():
        name = key_name(table.path)
        yield f"## `[[{name}]]`\n" if table.array else f"## `[{name}]`\n"
        yield f"{table.text}\n"
        if not table.keys:
            continue
        explained = any(key.text for key in table.keys)
        yield _row("key", "value", "default", *([""] if explained else []))
        yield _row(*["---"] * (4 if explained else 3))
        for key in table.keys:
            default = f"`{key.default}`" if key.default is not None else ("required" if key.required else "not set")
            yield _row(f"`{key.name}`", key.kind, default, *([key.text] if explained else []))
        yield ""


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _variables(variables: dict[str, str]) -> Iterator[str]:
    if variables:
        yield "| variable | sets |"
        yield "| --- | --- |"
        yield from (f"| `{variable}` | `{key}` |" for variable, key in variables.items())
        yield ""


if __name__ == "__main__":
    sys.stdout.write(reference(installed_sections()))
