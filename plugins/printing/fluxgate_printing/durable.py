"""Making a change of a folder survive a power cut: syncing a file isn't enough, its name is in the folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Force the folder's entries to the disk; blocks."""
    if sys.platform == "win32":  # folders can't be opened there, and NTFS journals its names
        return
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
