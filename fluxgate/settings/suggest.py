"""The valid name that a wrong one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["folded", "nearest", "suggestion"]

CUTOFF = 0.6


def folded(key: str) -> str:
    """The key as an environment variable can say it: case and `-` for `_` aside."""
    return key.casefold().replace("-", "_")


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is most like `name`, or None if none is."""
    by_folded = {folded(candidate): candidate for candidate in candidates}
    found = difflib.get_close_matches(folded(name), by_folded, n=1, cutoff=CUTOFF)
    return by_folded[found[0]] if found else None


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """A sentence to append to a message: the nearest candidate, or all of them."""
    candidates = list(candidates)
    near = nearest(name, candidates)
    if near is not None:
        return f" Did you mean `{near}`?"
    known = ", ".join(f"`{candidate}`" for candidate in sorted(candidates))
    return f" Known here: {known}." if known else ""
