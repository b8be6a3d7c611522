"""`[vault]`: what encrypts the secrets that plugins keep in the database."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["VaultSettings"]


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What encrypts the secrets that plugins keep in the database, such as the keys of printers that were added by
    API."""

    secrets: Annotated[
        tuple[Annotated[str, Meta(min_length=32)], ...],
        Meta(
            description="At least 32 characters each. The first encrypts, the others still decrypt what they have "
            "encrypted. If not set, a secret is made and kept in `gateway.data_dir` (`vault-secret`); several "
            "replicas need the same.",
            examples=[["env:FLUXGATE_VAULT_SECRET"]],
        ),
    ] = ()
