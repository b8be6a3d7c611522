"""`[browser]`: what pages of other origins may do with the gateway, and what its own pages may load."""

from __future__ import annotations

import msgspec

__all__ = ["BrowserSettings"]


class BrowserSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pages of other origins may do with the gateway, and what its own pages may load."""
