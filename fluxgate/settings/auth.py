"""`[auth]`: who is asked for, and how callers prove who they are."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["AuthSettings"]


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may call. With no identity provider set, everybody on this machine may do everything, and the gateway refuses
    to listen on any other address."""

    insecure: Annotated[
        bool,
        Meta(
            description="Serve other machines without an identity provider. Everybody who reaches the gateway may then "
            "do everything."
        ),
    ] = False

    @property
    def has_provider(self) -> bool:
        """Whether callers are asked who they are."""
        return False
