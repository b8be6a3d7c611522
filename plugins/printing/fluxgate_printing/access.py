"""Who may do what with printers, queue and files: the policies that the plugin's routes carry."""

from __future__ import annotations

from fluxgate.plugin import Require

__all__ = ["OPERATE", "VIEW"]

VIEW = Require(roles=frozenset({"viewer", "operator"}), scopes=frozenset({"printing:view"}))
"""Look."""

OPERATE = Require(roles=frozenset({"operator"}), scopes=frozenset({"printing:operate"}))
"""Upload, queue, print."""
