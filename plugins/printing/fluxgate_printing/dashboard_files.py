"""The dashboard, as it was built from `plugins/printing/ui`."""

from __future__ import annotations

from pathlib import Path

from fluxgate.plugin import PUBLIC, StaticUI

__all__ = ["BUILT", "dashboard"]

BUILT = Path(__file__).parent / "dashboard"
PATHS = ("/printing", "/dashboard/printing")


def dashboard() -> StaticUI | None:
    """The pages of printing. None in a checkout where they weren't built (`make ui`); a wheel has them always."""
    if not (BUILT / "index.html").is_file():
        return None
    return StaticUI(directory=BUILT, paths=PATHS, title="3D printing", policy=PUBLIC)
