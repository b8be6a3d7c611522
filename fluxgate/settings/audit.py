"""`[audit]`: the record of every change."""

from __future__ import annotations

import msgspec

__all__ = ["AuditSettings"]


class AuditSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of every change: who, what, on what, from where, with what result."""
