"""Programs that are installed in virtual environments of their own, because their pins clash with ours."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def executable(name: str, variable: str) -> Path:
    """The program `name`: what the environment variable says, or the one in the checkout's own `.venv-NAME`, which
    `tests/install-services` makes; made here, from the same lock, when it isn't there."""
    if named := os.environ.get(variable):
        return Path(named)
    venv = CHECKOUT / f".venv-{name}"
    program = venv / "bin" / name
    lock_name = f"{name}-install-" + str(CHECKOUT).replace(os.sep, "_") + ".lock"
    with (Path(tempfile.gettempdir()) / lock_name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # xdist's workers all come here at once
        if not program.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
            install = [venv / "bin" / "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r"]
            subprocess.run([*install, CHECKOUT / "requirements" / f"{name}.txt"], check=True)
    return program
