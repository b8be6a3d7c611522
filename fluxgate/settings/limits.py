"""`[limits]`: how much one caller, one plugin, one request may take."""

from __future__ import annotations

import msgspec

__all__ = ["LimitSettings"]


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much one caller, one plugin, one request may take."""
