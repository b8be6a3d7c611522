"""The secret that signs links: the configured one, or one that is made once and kept in the data folder."""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import secrets
from pathlib import Path

from fluxgate.settings import Settings
from fluxgate.settings.sources import Issue

__all__ = ["SigningSecret"]

FILE_NAME = "auth-secret"
MINIMUM = 32

logger = logging.getLogger("fluxgate.auth")


class SigningSecret:
    """Asked for a key when the first link is signed or checked: looking at a gateway makes no file.

    Raises SettingsError for a configured secret that is too short.
    """

    def __init__(self, settings: Settings) -> None:
        configured = settings.auth.secret
        if configured is not None and len(configured) < MINIMUM:
            message = f"must have at least {MINIMUM} characters"
            raise settings.sources.error([Issue(path=("auth", "secret"), message=message)])
        self._configured = None if configured is None else configured.encode()
        self._file = settings.gateway.data_dir / FILE_NAME
        self._keys: dict[bytes, bytes] = {}

    def key(self, purpose: bytes) -> bytes:
        """The key for one purpose; other purposes' signatures are worth nothing under it. Raises OSError if the file
        can neither be read nor made."""
        if purpose not in self._keys:
            self._keys[purpose] = hmac.digest(self._configured or _kept(self._file), purpose, "sha256")
        return self._keys[purpose]


def _kept(file: Path) -> bytes:
    """What the file holds; it is made if it isn't there, by whichever process comes first."""
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
