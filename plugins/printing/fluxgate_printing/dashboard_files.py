"""The dashboard, as it was built from `plugins/printing/ui`."""

from __future__ import annotations

import logging
from pathlib import Path

from fluxgate.plugin import PUBLIC, StaticUI

__all__ = ["dashboard"]

log = logging.getLogger(__name__)

BUILT = Path(__file__).parent / "dashboard"
PATHS = ("/printing", "/dashboard/printing")


def dashboard() -> StaticUI | None:
    """The pages of printing; None where they weren't built, as in a checkout without Node."""
    if not (BUILT / "index.html").is_file():
        log.warning("the dashboard isn't built: no page at %s; `make ui` builds it", PATHS[0])
        return None
    return StaticUI(directory=BUILT, paths=PATHS, title="3D printing", policy=PUBLIC)
