"""What was verified a moment ago, so that it needn't be verified again: bounded, the least used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Recent"]

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by the SHA-256 of the credential that they were made of, each until its own time.

    Times are whatever clock the caller uses, in seconds.
    """

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, tuple[V, float]] = OrderedDict()

    def get(self, digest: bytes, now: float) -> V | None:
        """The value, if it is there and its time isn't over."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if entry[1] <= now:
            del self._entries[digest]
            return None
        self._entries.move_to_end(digest)
        return entry[0]

    def put(self, digest: bytes, value: V, until: float) -> None:
        """Keep `value` until then, or until it is the least used of too many."""
        self._entries[digest] = (value, until)
        self._entries.move_to_end(digest)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def drop(self, which: Callable[[V], bool]) -> None:
        """Forget the values that `which` is true of."""
        for digest in [digest for digest, (value, _) in self._entries.items() if which(value)]:
            del self._entries[digest]

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
