"""Secrets that a plugin keeps in the database, encrypted with a key that the database doesn't have.

Fernet (AES-128-CBC and HMAC-SHA-256) under keys derived, by HKDF, from `[vault] secrets` and the plugin's name: what
one plugin sealed is of no use to another.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from fluxgate.errors import PluginError
from fluxgate.kept_secret import kept_secret
from fluxgate.settings.vault import VaultSettings

if TYPE_CHECKING:  # imported where it is used: most gateways keep no secret, and it costs their start
    from cryptography.fernet import MultiFernet

__all__ = ["SealBrokenError", "Vault"]

FILE_NAME = "vault-secret"
_PURPOSE = b"fluxgate vault v1 "


class SealBrokenError(PluginError):
    """What was sealed can't be opened: it was sealed with a secret that isn't here, or altered."""


class Vault:
    """One plugin's. The secret is asked for when something is first sealed or opened, so that looking at a gateway
    makes no file."""

    def __init__(self, settings: VaultSettings, data_dir: Path, plugin: str) -> None:
        self._settings = settings
        self._file = data_dir / FILE_NAME
        self._info = _PURPOSE + plugin.encode()
        self._fernet: MultiFernet | None = None

    def seal(self, text: str) -> str:
        """`text` encrypted, as text. Reads a file the first time; raises OSError if it can neither be read nor made."""
        return self._opened().encrypt(text.encode()).decode("ascii")

    def unseal(self, sealed: str) -> str:
        """What was sealed, with the first of the secrets or an older one. Raises SealBrokenError, and OSError as
        `seal`."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._opened().decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealBrokenError(
                "this was sealed with another secret than those in vault.secrets (without that setting: the file "
                f"{FILE_NAME} in gateway.data_dir)"
            ) from error

    def _opened(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

        if self._fernet is None:
            secrets = [secret.encode() for secret in self._settings.secrets] or [kept_secret(self._file)]
            self._fernet = MultiFernet([Fernet(self._key(secret)) for secret in secrets])
        return self._fernet

    def _key(self, secret: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        return urlsafe_b64encode(HKDF(algorithm=SHA256(), length=32, salt=None, info=self._info).derive(secret))
