"""The secret that signs links: the configured one, or one that is made once and kept in the data folder."""

from __future__ import annotations

import hmac

from fluxgate.kept_secret import MINIMUM, kept_secret
from fluxgate.settings import Settings
from fluxgate.settings.sources import Issue

__all__ = ["SigningSecret"]

FILE_NAME = "auth-secret"


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
            self._keys[purpose] = hmac.digest(self._configured or kept_secret(self._file), purpose, "sha256")
        return self._keys[purpose]
