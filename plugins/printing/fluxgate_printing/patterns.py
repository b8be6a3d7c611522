"""Patterns of SQL's LIKE, to be used with `ESCAPE '!'`."""

from __future__ import annotations

__all__ = ["containing"]


def containing(text: str) -> str:
    """Of everything that contains `text`, as it is."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"
