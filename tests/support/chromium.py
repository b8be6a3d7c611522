"""Where the tests' browser is."""

from __future__ import annotations

import shutil


def chromium() -> str:
    """The program: the headless shell where there is one, as it takes a third less of the processor. Raises
    AssertionError."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert program is not None, "no Chromium: install the package chromium-headless-shell or chromium"
    return program
