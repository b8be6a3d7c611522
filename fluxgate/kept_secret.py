"""A secret that is made once and kept in a file of its owner's alone, for a gateway that was given none."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from pathlib import Path

__all__ = ["MINIMUM", "kept_secret"]

MINIMUM = 32
"""Characters that a secret has at least."""

logger = logging.getLogger("fluxgate.secrets")


def kept_secret(file: Path) -> bytes:
    """What the file holds; it is made if it isn't there, by whichever process comes first. Raises OSError if it can
    neither be read nor made."""
    with contextlib.suppress(FileNotFoundError):
        return _read(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(secrets.token_hex(32).encode("ascii"))
            opened.flush()
            os.fsync(opened.fileno())
        # A link, not a rename: it never replaces another process's secret.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        temporary.unlink()
    return _read(file)


def _read(file: Path) -> bytes:
    secret = file.read_bytes().strip()
    if len(secret) < MINIMUM:
        raise OSError(f"{file} holds no secret; delete it to have a new one made")
    if file.stat().st_mode & 0o077:
        logger.warning("%s can be read by others than its owner: chmod 600 it", file)
    return secret
